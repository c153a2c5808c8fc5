"""Qwen2.5-VL and Qwen2-VL: pictures of any size, windowed vision tower, 3-D rotary positions.

Papers: https://arxiv.org/abs/2502.13923 and https://arxiv.org/abs/2409.12191. Weights:
Qwen/Qwen2.5-VL-* (Apache-2.0; 3B and 72B under Qwen licences). A picture costs
width x height / 28^2 tokens.
"""

from __future__ import annotations

from typing import Any, ClassVar

from vqatrain.families import _qwen
from vqatrain.models import tiny


class Qwen25Vl(_qwen.QwenVl):
    """Qwen2.5-VL and Qwen2-VL."""

    model_types: ClassVar[tuple[str, ...]] = ("qwen2_5_vl", "qwen2_vl")
    projector: ClassVar[tuple[str, ...]] = ("model.visual.merger",)

    def tiny_processor(self, tokenizer: Any) -> Any:
        """16 tokens a picture of 64x64."""
        from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

        return Qwen2_5_VLProcessor(
            image_processor=Qwen2VLImageProcessor(**_qwen.TINY_PICTURES),
            tokenizer=tokenizer,
            video_processor=Qwen2VLVideoProcessor(**_qwen.TINY_PICTURES),
            chat_template=self.chat_template,
        )

    def tiny_config(self, tokenizer: Any) -> Any:
        """0.5 million parameters."""
        from transformers import Qwen2_5_VLConfig

        windows = {"window_size": tiny.IMAGE, "fullatt_block_indexes": [1]}
        return Qwen2_5_VLConfig(
            vision_config=_qwen.TINY_VISION | windows,
            text_config=tiny.text(tokenizer, rope_parameters=_qwen.TINY_ROPE),
            tie_word_embeddings=True,
            initializer_range=tiny.INITIAL_RANGE,
            **tiny.roles(tokenizer),
            **tiny.ids(tokenizer, **_qwen.TOKENS),
        )
