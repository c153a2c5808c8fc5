"""SmolVLM, SmolVLM2 and Idefics3: SigLIP tower, pixel shuffle, Llama (Marafioti et al. 2025).

Paper: https://arxiv.org/abs/2504.05299. Weights: HuggingFaceTB/SmolVLM-* and SmolVLM2-*
(Apache-2.0). Pictures are scaled to the longest edge that is set and cut into square tiles, with
the whole picture as one more tile; the tiny build does not cut.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from vqatrain.models import tiny
from vqatrain.models.family import Family, Loaded


class SmolVlm(Family):
    """SmolVLM, SmolVLM2 and their forebear Idefics3."""

    model_types: ClassVar[tuple[str, ...]] = ("smolvlm", "idefics3")
    vision_tower: ClassVar[str] = "model.vision_model"
    projector: ClassVar[tuple[str, ...]] = ("model.connector",)
    language_model: ClassVar[str] = "model.text_model"
    tiled: ClassVar[bool] = True
    packs: ClassVar[bool] = True
    chat_template: ClassVar[str] = (
        "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}:"
        "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>' }}"
        "{% else %}{{ ' ' + part['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
        "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
    )
    special_tokens: ClassVar[list[str]] = [
        "<|im_start|>", "<end_of_utterance>", "<pad>", "<image>", "<fake_token_around_image>",
        "<global-img>",
    ]  # fmt: skip
    token_roles: ClassVar[dict[str, str]] = {
        "bos_token": "<|im_start|>", "eos_token": "<end_of_utterance>", "pad_token": "<pad>",
    }  # fmt: skip

    def pictures_in_one_row(self, batch: dict[str, Any]) -> dict[str, Any]:
        """All tiles in one row; the model leaves out those that only fill up."""
        names = [name for name in ("pixel_values", "pixel_attention_mask") if name in batch]
        return {name: batch[name].flatten(0, 1)[None] for name in names}

    def smallest_picture(self, processor: Any) -> int:
        """One tile."""
        return int(processor.image_processor.max_image_size["longest_edge"] ** 2)

    def limit_pixels(self, loaded: Loaded, pixels: int) -> None:
        """Set the longest edge to the largest square of whole tiles."""
        images: Any = loaded.processor.image_processor
        tile = images.max_image_size["longest_edge"]
        side = math.isqrt(pixels) // tile * tile
        images.size = {"longest_edge": side}
        images.do_image_splitting = side > tile

    def tiny_processor(self, tokenizer: Any) -> Any:
        """16 tokens a picture."""
        from transformers import SmolVLMImageProcessor, SmolVLMProcessor, SmolVLMVideoProcessor

        size = {"longest_edge": tiny.IMAGE}
        return SmolVLMProcessor(
            image_processor=SmolVLMImageProcessor(
                size=size, max_image_size=size, do_image_splitting=False
            ),
            tokenizer=tokenizer,
            video_processor=SmolVLMVideoProcessor(size=size, max_image_size=size),
            image_seq_len=tiny.IMAGE_TOKENS,
            chat_template=self.chat_template,
        )

    def tiny_config(self, tokenizer: Any) -> Any:
        """0.4 million parameters."""
        from transformers import SmolVLMConfig

        return SmolVLMConfig(
            vision_config=tiny.vision(),
            text_config=tiny.text(tokenizer, model_type="llama"),
            scale_factor=tiny.MERGE,
            tie_word_embeddings=True,
            initializer_range=tiny.INITIAL_RANGE,
            **tiny.ids(tokenizer, image_token_id="<image>"),
            **tiny.roles(tokenizer),
        )
