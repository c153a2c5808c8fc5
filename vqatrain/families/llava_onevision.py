"""LLaVA-OneVision: SigLIP tower, two-layer projector, Qwen2 (Li et al. 2024).

Paper: https://arxiv.org/abs/2408.03326. Weights: llava-hf/llava-onevision-* (Apache-2.0). A picture
is seen once as a whole and once in the grid of tiles that fits it best; the grids are listed both
in the processor and in the model's configuration.
"""

from __future__ import annotations

from typing import Any, ClassVar

from vqatrain.models import tiny
from vqatrain.models.family import Family, Loaded


class LlavaOnevision(Family):
    """LLaVA-OneVision."""

    model_types: ClassVar[tuple[str, ...]] = ("llava_onevision",)
    vision_tower: ClassVar[str] = "model.vision_tower"
    projector: ClassVar[tuple[str, ...]] = ("model.multi_modal_projector", "model.image_newline")
    language_model: ClassVar[str] = "model.language_model"
    tiled: ClassVar[bool] = True
    packs: ClassVar[bool] = True
    chat_template: ClassVar[str] = tiny.chatml("<image>\n")
    special_tokens: ClassVar[list[str]] = [*tiny.CHATML_TOKENS, "<image>", "<video>"]
    token_roles: ClassVar[dict[str, str]] = tiny.CHATML_ROLES

    def smallest_picture(self, processor: Any) -> int:
        """The smallest grid."""
        return int(min(h * w for h, w in processor.image_processor.image_grid_pinpoints))

    def limit_pixels(self, loaded: Loaded, pixels: int) -> None:
        """Leave out the larger grids."""
        images: Any = loaded.processor.image_processor
        grids = [[h, w] for h, w in images.image_grid_pinpoints if h * w <= pixels]
        images.image_grid_pinpoints = loaded.model.config.image_grid_pinpoints = grids

    def tiny_processor(self, tokenizer: Any) -> Any:
        """64 tokens for the whole picture, and 64 with line ends for its one tile."""
        from transformers import (
            LlavaOnevisionImageProcessor,
            LlavaOnevisionProcessor,
            LlavaOnevisionVideoProcessor,
        )

        size = {"height": tiny.IMAGE, "width": tiny.IMAGE}
        return LlavaOnevisionProcessor(
            image_processor=LlavaOnevisionImageProcessor(
                size=size, image_grid_pinpoints=[[tiny.IMAGE, tiny.IMAGE]]
            ),
            tokenizer=tokenizer,
            video_processor=LlavaOnevisionVideoProcessor(size=size),
            num_image_tokens=(tiny.IMAGE // tiny.PATCH) ** 2,
            vision_feature_select_strategy="full",
            chat_template=self.chat_template,
        )

    def tiny_config(self, tokenizer: Any) -> Any:
        """0.4 million parameters."""
        from transformers import LlavaOnevisionConfig

        tower = tiny.vision(model_type="siglip_vision_model", vision_use_head=False)
        return LlavaOnevisionConfig(
            vision_config=tower,
            text_config=tiny.text(tokenizer, model_type="qwen2"),
            image_grid_pinpoints=[[tiny.IMAGE, tiny.IMAGE]],
            tie_word_embeddings=True,
            **tiny.ids(tokenizer, image_token_index="<image>", video_token_index="<video>"),
        )
