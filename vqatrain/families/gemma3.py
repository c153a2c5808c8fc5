"""Gemma 3: SigLIP tower at 896 pixels, pooled to 256 tokens; picture tokens see each other.

Paper: https://arxiv.org/abs/2503.19786. Weights: google/gemma-3-4b-it and larger (Gemma licence).
A picture is one tile; "pan and scan" adds up to so many crops of long or wide pictures.
"""

from __future__ import annotations

from typing import Any, ClassVar

from vqatrain.models import tiny
from vqatrain.models.family import Family, Loaded

FEWEST_CROPS = 2


class Gemma3(Family):
    """Gemma 3 with a vision tower (4B and larger)."""

    model_types: ClassVar[tuple[str, ...]] = ("gemma3",)
    vision_tower: ClassVar[str] = "model.vision_tower"
    projector: ClassVar[tuple[str, ...]] = ("model.multi_modal_projector",)
    language_model: ClassVar[str] = "model.language_model"
    tiled: ClassVar[bool] = True
    chat_template: ClassVar[str] = (
        "{{ bos_token }}{% for message in messages %}<start_of_turn>"
        "{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
        "{% for part in message['content'] %}{% if part['type'] == 'image' %}<start_of_image>"
        "{% else %}{{ part['text'] | trim }}{% endif %}{% endfor %}<end_of_turn>\n{% endfor %}"
        "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
    )
    special_tokens: ClassVar[list[str]] = [
        "<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>",
        "<end_of_image>", "<image_soft_token>",
    ]  # fmt: skip
    token_roles: ClassVar[dict[str, str]] = {
        "bos_token": "<bos>", "eos_token": "<end_of_turn>", "pad_token": "<pad>",
        "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    }  # fmt: skip

    def limit_pixels(self, loaded: Loaded, pixels: int) -> None:
        """Allow crops, or none if there is no room for two."""
        processor: Any = loaded.processor
        crops = pixels // self.smallest_picture(processor)
        setting = {
            "do_pan_and_scan": crops >= FEWEST_CROPS,
            "pan_and_scan_max_num_crops": max(crops, FEWEST_CROPS),
        }
        # The processor's own defaults win over what its image processor was saved with.
        processor.images_kwargs = {**processor.images_kwargs, **setting}
        for name, value in setting.items():
            setattr(processor.image_processor, name, value)

    def tiny_processor(self, tokenizer: Any) -> Any:
        """16 tokens a picture."""
        from transformers import Gemma3ImageProcessor, Gemma3Processor

        size = {"height": tiny.IMAGE, "width": tiny.IMAGE}
        return Gemma3Processor(
            image_processor=Gemma3ImageProcessor(size=size),
            tokenizer=tokenizer,
            chat_template=self.chat_template,
            image_seq_length=tiny.IMAGE_TOKENS,
        )

    def tiny_config(self, tokenizer: Any) -> Any:
        """0.4 million parameters."""
        from transformers import Gemma3Config

        head = tiny.WIDTH // tiny.HEADS
        return Gemma3Config(
            vision_config=tiny.vision(model_type="siglip_vision_model", vision_use_head=False),
            text_config=tiny.text(
                tokenizer, head_dim=head, query_pre_attn_scalar=head, sliding_window=512,
                layer_types=["sliding_attention", "full_attention"],
            ),
            mm_tokens_per_image=tiny.IMAGE_TOKENS,
            tie_word_embeddings=True,
            initializer_range=tiny.INITIAL_RANGE,
            **tiny.ids(
                tokenizer, boi_token_index="<start_of_image>", eoi_token_index="<end_of_image>",
                image_token_index="<image_soft_token>",
            ),
        )  # fmt: skip
