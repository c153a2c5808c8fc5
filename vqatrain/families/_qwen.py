"""What the families of Qwen share: pictures of any size, a token for each block of patches."""

from __future__ import annotations

from typing import Any, ClassVar

from vqatrain.models import tiny
from vqatrain.models.family import Family, Loaded

TINY_PICTURES: dict[str, Any] = {
    "patch_size": tiny.PATCH, "merge_size": tiny.MERGE, "temporal_patch_size": 2,
    "size": {"shortest_edge": tiny.IMAGE**2 // 4, "longest_edge": tiny.IMAGE**2},
}  # fmt: skip
"""Settings of the tiny processors of pictures and videos: 16 tokens a picture of 64x64."""

TINY_VISION: dict[str, Any] = {
    "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": tiny.HEADS,
    "out_hidden_size": tiny.WIDTH, "patch_size": tiny.PATCH, "spatial_merge_size": tiny.MERGE,
    "temporal_patch_size": 2, "initializer_range": tiny.INITIAL_RANGE,
}  # fmt: skip

THIRD = tiny.WIDTH // tiny.HEADS // 6
TINY_ROPE: dict[str, Any] = {
    "rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [THIRD] * 3,
}  # fmt: skip
"""Rotary positions in time, height and width: a third of a head's dimensions each."""

TOKENS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}


class QwenVl(Family):
    """A vision-language model of Qwen since the second generation."""

    vision_tower: ClassVar[str] = "model.visual"
    language_model: ClassVar[str] = "model.language_model"
    packs: ClassVar[bool] = True
    chat_template: ClassVar[str] = tiny.chatml("<|vision_start|><|image_pad|><|vision_end|>")
    special_tokens: ClassVar[list[str]] = [
        *tiny.CHATML_TOKENS, "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
        "<|image_pad|>", "<|video_pad|>",
    ]  # fmt: skip
    token_roles: ClassVar[dict[str, str]] = tiny.CHATML_ROLES

    def positions(self, model: Any, batch: dict[str, Any]) -> Any:
        """Of the text, then in time, height and width of the pictures."""
        import torch

        text = super().positions(model, batch)
        if "image_grid_thw" not in batch:
            return text.expand(4, -1, -1)
        names = ("input_ids", "mm_token_type_ids", "image_grid_thw", "attention_mask")
        space, _ = model.model.get_rope_index(**{name: batch[name] for name in names})
        return torch.cat([text, space])

    def smallest_picture(self, processor: Any) -> int:
        """One token."""
        images = processor.image_processor
        return int((images.patch_size * images.merge_size) ** 2)

    def limit_pixels(self, loaded: Loaded, pixels: int) -> None:
        """Bound the area; the processor keeps the aspect ratio."""
        images: Any = loaded.processor.image_processor
        least = min(images.size["shortest_edge"], pixels)
        images.size = {"shortest_edge": least, "longest_edge": pixels}
