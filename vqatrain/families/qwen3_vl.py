"""Qwen3-VL: features of several vision layers enter the first layers of the language model.

Paper: https://arxiv.org/abs/2511.21631. Weights: Qwen/Qwen3-VL-* (Apache-2.0). A picture costs
width x height / 32^2 tokens. The mappings of the several layers lie inside the vision tower.
"""

from __future__ import annotations

from typing import Any, ClassVar

from vqatrain.families import _qwen
from vqatrain.models import tiny


class Qwen3Vl(_qwen.QwenVl):
    """Qwen3-VL, dense and with experts.

    In the variants with experts LoRA adapts the attention alone by default: the experts of a layer
    are one tensor, not linear layers.
    """

    model_types: ClassVar[tuple[str, ...]] = ("qwen3_vl", "qwen3_vl_moe")
    projector: ClassVar[tuple[str, ...]] = (
        "model.visual.merger",
        "model.visual.deepstack_merger_list",
    )

    def tiny_processor(self, tokenizer: Any) -> Any:
        """16 tokens a picture of 64x64."""
        from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

        return Qwen3VLProcessor(
            image_processor=Qwen2VLImageProcessor(**_qwen.TINY_PICTURES),
            tokenizer=tokenizer,
            video_processor=Qwen3VLVideoProcessor(**_qwen.TINY_PICTURES),
            chat_template=self.chat_template,
        )

    def tiny_config(self, tokenizer: Any) -> Any:
        """0.5 million parameters."""
        from transformers import Qwen3VLConfig

        layers = {"num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
        text = tiny.text(
            tokenizer,
            rope_parameters=_qwen.TINY_ROPE | {"mrope_interleaved": True},
            head_dim=tiny.WIDTH // tiny.HEADS,
        )
        return Qwen3VLConfig(
            vision_config=_qwen.TINY_VISION | layers,
            text_config=text,
            tie_word_embeddings=True,
            **tiny.ids(tokenizer, **_qwen.TOKENS),
        )
