"""InternVL 2.5, 3 and 3.5 in the form of transformers: InternViT, pixel shuffle, Qwen or Llama.

Paper: https://arxiv.org/abs/2504.10479. Weights: OpenGVLab/InternVL3-*-hf and InternVL3_5-*-HF
(Apache-2.0, MIT and Qwen licences). Pictures are cut into up to 12 square tiles of 448 pixels, 256
tokens each, with the whole picture as one more tile.
"""

from __future__ import annotations

from typing import Any, ClassVar

from vqatrain.models import tiny
from vqatrain.models.family import Family, Loaded


class InternVl(Family):
    """InternVL, converted for transformers."""

    model_types: ClassVar[tuple[str, ...]] = ("internvl",)
    vision_tower: ClassVar[str] = "model.vision_tower"
    projector: ClassVar[tuple[str, ...]] = ("model.multi_modal_projector",)
    language_model: ClassVar[str] = "model.language_model"
    tiled: ClassVar[bool] = True
    packs: ClassVar[bool] = True
    chat_template: ClassVar[str] = tiny.chatml("<IMG_CONTEXT>\n")
    special_tokens: ClassVar[list[str]] = [
        *tiny.CHATML_TOKENS, "<img>", "</img>", "<IMG_CONTEXT>", "<video>",
    ]  # fmt: skip
    token_roles: ClassVar[dict[str, str]] = {
        **tiny.CHATML_ROLES, "start_image_token": "<img>", "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>", "video_token": "<video>",
    }  # fmt: skip

    def limit_pixels(self, loaded: Loaded, pixels: int) -> None:
        """Set the number of tiles, without the overview."""
        images: Any = loaded.processor.image_processor
        images.max_patches = pixels // self.smallest_picture(loaded.processor)
        images.min_patches = min(images.min_patches, images.max_patches)

    def tiny_processor(self, tokenizer: Any) -> Any:
        """16 tokens a picture, which is not cut."""
        from transformers import (
            GotOcr2ImageProcessor,
            InternVLProcessor,
            InternVLVideoProcessor,
        )

        size = {"height": tiny.IMAGE, "width": tiny.IMAGE}
        return InternVLProcessor(
            image_processor=GotOcr2ImageProcessor(size=size, max_patches=1),
            tokenizer=tokenizer,
            video_processor=InternVLVideoProcessor(size=size),
            image_seq_length=tiny.IMAGE_TOKENS,
            chat_template=self.chat_template,
        )

    def tiny_config(self, tokenizer: Any) -> Any:
        """0.4 million parameters; nothing of the vision layers is scaled down at first."""
        from transformers import InternVLConfig

        return InternVLConfig(
            vision_config=tiny.vision(layer_scale_init_value=1.0),
            text_config=tiny.text(tokenizer, model_type="qwen2"),
            image_seq_length=tiny.IMAGE_TOKENS,
            downsample_ratio=1 / tiny.MERGE,
            tie_word_embeddings=True,
            **tiny.ids(tokenizer, image_token_id="<IMG_CONTEXT>"),
        )
