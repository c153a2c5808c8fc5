"""PerceptionLM: a vision transformer of timm, two-layer projector, Llama (Cho et al. 2025).

Paper: https://arxiv.org/abs/2504.13180. Weights: facebook/Perception-LM-* (FAIR research licence).
Pictures are scaled to a grid of square tiles, with the whole picture as one more tile. What
``--vision-tower`` composes with a tower of timm is of this family, and shows a picture as one tile.
Needs ``timm``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from vqatrain.models import tiny
from vqatrain.models.family import Family, Loaded

if TYPE_CHECKING:
    import torch

TIMM = "timm_wrapper"
"""``model_type`` of the towers of timm."""

VIDEO_TOKEN = "<video>"  # noqa: S105 - a mark in a text

ONE_TILE, TILES = "vanilla", "thumb+tile"
"""Whether a picture is one tile, or several with an overview, in the image processor's words."""


def tiny_tower() -> dict[str, Any]:
    """Configuration of a small EVA-02 (Fang et al. 2023, https://arxiv.org/abs/2303.11331)."""
    return {
        "architecture": "eva02_tiny_patch14_224", "initializer_range": tiny.INITIAL_RANGE,
        "do_pooling": False,
        "model_args": {
            "img_size": tiny.IMAGE, "patch_size": tiny.PATCH, "embed_dim": 64, "depth": 3,
            "num_heads": tiny.HEADS,
        },
    }  # fmt: skip


class PerceptionLm(Family):
    """PerceptionLM, and what is composed of a tower of timm and a language model."""

    model_types: ClassVar[tuple[str, ...]] = ("perception_lm",)
    vision_tower: ClassVar[str] = "model.vision_tower"
    projector: ClassVar[tuple[str, ...]] = ("model.multi_modal_projector",)
    language_model: ClassVar[str] = "model.language_model"
    tiled: ClassVar[bool] = True
    packs: ClassVar[bool] = True
    chat_template: ClassVar[str] = tiny.chatml("<image>\n")
    special_tokens: ClassVar[list[str]] = [*tiny.CHATML_TOKENS, "<image>", VIDEO_TOKEN]
    token_roles: ClassVar[dict[str, str]] = {
        **tiny.CHATML_ROLES, "image_token": "<image>", "video_token": VIDEO_TOKEN,
    }  # fmt: skip

    def process(self, processor: Any, **inputs: Any) -> dict[str, torch.Tensor]:
        """The tiles of all pictures one after the other, as pictures of a batch may differ there.

        The processor itself stacks pictures, and so refuses those of other numbers of tiles.
        """
        import torch

        made = dict(processor(**inputs))
        tiles = made.pop("pixel_values", None)
        batch = {name: torch.tensor(values) for name, values in made.items()}
        return batch if tiles is None else {**batch, "pixel_values": torch.cat(tiles)[:, None]}

    def smallest_picture(self, processor: Any) -> int:
        """One tile."""
        return int(processor.image_processor.tile_size**2)

    def limit_pixels(self, loaded: Loaded, pixels: int) -> None:
        """Set the number of tiles, without the overview; one tile needs no overview."""
        images: Any = loaded.processor.image_processor
        images.max_num_tiles = pixels // self.smallest_picture(loaded.processor)
        images.vision_input_type = ONE_TILE if images.max_num_tiles == 1 else TILES

    def tiny_processor(self, tokenizer: Any) -> Any:
        """64 tokens a picture, which is not cut."""
        from transformers import (
            PerceptionLMImageProcessor,
            PerceptionLMProcessor,
            PerceptionLMVideoProcessor,
        )

        size = {"height": tiny.IMAGE, "width": tiny.IMAGE}
        return PerceptionLMProcessor(
            image_processor=PerceptionLMImageProcessor(
                size=size, tile_size=tiny.IMAGE, max_num_tiles=1, vision_input_type=ONE_TILE
            ),
            tokenizer=tokenizer,
            video_processor=PerceptionLMVideoProcessor(size=size),
            patch_size=tiny.PATCH,
            pooling_ratio=1,
            chat_template=self.chat_template,
        )

    def tiny_config(self, tokenizer: Any) -> Any:
        """0.4 million parameters."""
        from transformers import PerceptionLMConfig

        return PerceptionLMConfig(
            vision_config={"model_type": TIMM, **tiny_tower()},
            text_config=tiny.text(tokenizer, model_type="llama"),
            tie_word_embeddings=True,
            **tiny.ids(tokenizer, image_token_id="<image>", video_token_id=VIDEO_TOKEN),
        )
