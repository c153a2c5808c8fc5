"""LLaVA: any vision tower, two-layer projector, any language model (Liu et al. 2023).

Papers: https://arxiv.org/abs/2304.08485 and https://arxiv.org/abs/2310.03744. Weights: llava-hf/*
(Llama 2 licence and others). A picture has one size and costs a token for each patch of the tower.
What ``--vision-tower`` composes is of this family, whatever lies in it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from vqatrain.models import tiny
from vqatrain.models.family import Family, Loaded


class Llava(Family):
    """LLaVA 1.5, and what is composed of a tower and a language model."""

    model_types: ClassVar[tuple[str, ...]] = ("llava",)
    vision_tower: ClassVar[str] = "model.vision_tower"
    projector: ClassVar[tuple[str, ...]] = ("model.multi_modal_projector",)
    language_model: ClassVar[str] = "model.language_model"
    chat_template: ClassVar[str] = (
        "{% for message in messages %}"
        "{{ {'user': 'USER:', 'assistant': 'ASSISTANT:'}.get(message['role'], '') }}"
        "{% for part in message['content'] %}{% if part['type'] == 'image' %} <image>\n"
        "{% else %} {{ part['text'] }}{% endif %}{% endfor %}"
        "{{ eos_token if message['role'] == 'assistant' else ' ' }}{% endfor %}"
        "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
    )
    special_tokens: ClassVar[list[str]] = ["<pad>", "<s>", "</s>", "<image>"]
    token_roles: ClassVar[dict[str, str]] = {
        "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>",
    }  # fmt: skip

    def smallest_picture(self, processor: Any) -> int:
        """The one size; published processors cut it out of the middle."""
        images = processor.image_processor
        size = images.crop_size if getattr(images, "do_center_crop", False) else images.size
        return int(size["height"] * size["width"])

    def limit_pixels(self, loaded: Loaded, pixels: int) -> None:
        """Nothing to do: a picture has one size, which is no larger."""

    def tiny_processor(self, tokenizer: Any) -> Any:
        """64 tokens a picture; the tower's first token, of the whole picture, is left out."""
        from transformers import CLIPImageProcessor, LlavaProcessor

        size = {"height": tiny.IMAGE, "width": tiny.IMAGE}
        return LlavaProcessor(
            image_processor=CLIPImageProcessor(size=size, crop_size=size),
            tokenizer=tokenizer,
            patch_size=tiny.PATCH,
            vision_feature_select_strategy="default",
            num_additional_image_tokens=1,
            chat_template=self.chat_template,
        )

    def tiny_config(self, tokenizer: Any) -> Any:
        """0.4 million parameters."""
        from transformers import LlavaConfig

        return LlavaConfig(
            vision_config=tiny.vision(model_type="clip_vision_model", num_hidden_layers=3),
            text_config=tiny.text(tokenizer, model_type="llama"),
            image_seq_length=(tiny.IMAGE // tiny.PATCH) ** 2,
            tie_word_embeddings=True,
            **tiny.ids(tokenizer, image_token_index="<image>"),
        )
