"""Qwen2.5-VL and Qwen2-VL: pictures of any size, windowed vision tower, 3-D rotary positions.

Papers: https://arxiv.org/abs/2502.13923 and https://arxiv.org/abs/2409.12191. Weights:
Qwen/Qwen2.5-VL-* (Apache-2.0; 3B and 72B under Qwen licences). A picture costs
width x height / 28^2 tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from vqatrain.family import Family, Loaded
from vqatrain.tokenizer import learn_tokenizer

IMAGE, PATCH, MERGE = 64, 8, 2
"""The tiny build: pixels a side, pixels a patch, patches a token and side."""

SPECIAL_TOKENS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
]  # fmt: skip

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""The template of Qwen2.5-VL without its default system turn."""


class Qwen25Vl(Family):
    """Qwen2.5-VL and Qwen2-VL."""

    model_types: ClassVar[tuple[str, ...]] = ("qwen2_5_vl", "qwen2_vl")
    vision_tower: ClassVar[str] = "model.visual"
    projector: ClassVar[str] = "model.visual.merger"
    language_model: ClassVar[str] = "model.language_model"

    def tiny(self, corpus: Iterable[str]) -> Loaded:
        """0.5 million parameters, 16 tokens a 64x64 picture."""
        from transformers import (
            GenerationConfig,
            Qwen2_5_VLForConditionalGeneration,
            Qwen2_5_VLProcessor,
            Qwen2VLImageProcessor,
            Qwen2VLVideoProcessor,
        )

        tokenizer = learn_tokenizer(
            corpus, SPECIAL_TOKENS, eos_token="<|im_end|>", pad_token="<|endoftext|>"
        )
        patches = {"patch_size": PATCH, "merge_size": MERGE, "temporal_patch_size": 2}
        size = {"shortest_edge": (PATCH * MERGE) ** 2 * 4, "longest_edge": IMAGE * IMAGE}
        processor = Qwen2_5_VLProcessor(
            image_processor=Qwen2VLImageProcessor(size=size, **patches),
            tokenizer=tokenizer,
            video_processor=Qwen2VLVideoProcessor(size=size, **patches),
            chat_template=CHAT_TEMPLATE,
        )
        model = Qwen2_5_VLForConditionalGeneration(_tiny_config(tokenizer))
        model.generation_config = GenerationConfig(
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
        )
        return Loaded(model, processor)


def _tiny_config(tokenizer: Any) -> Any:
    """A model that learns within minutes on a CPU; see :mod:`vqatrain.families.smolvlm`."""
    from transformers import Qwen2_5_VLConfig

    ids = {
        name: tokenizer.convert_tokens_to_ids(f"<|{token}|>")
        for name, token in (
            ("image_token_id", "image_pad"),
            ("video_token_id", "video_pad"),
            ("vision_start_token_id", "vision_start"),
            ("vision_end_token_id", "vision_end"),
        )
    }
    vision = {
        "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 4,
        "out_hidden_size": 96, "patch_size": PATCH, "spatial_merge_size": MERGE,
        "temporal_patch_size": 2, "window_size": IMAGE, "fullatt_block_indexes": [1],
        "initializer_range": 0.1,
    }  # fmt: skip
    head = 96 // 4
    text = {
        "vocab_size": len(tokenizer), "hidden_size": 96, "intermediate_size": 256,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4,
        "max_position_embeddings": 1024, "initializer_range": 0.1, "tie_word_embeddings": True,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 10_000.0,
            "mrope_section": [head // 6, head // 6, head // 6],
        },
        "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip
    return Qwen2_5_VLConfig(
        vision_config=vision,
        text_config=text,
        tie_word_embeddings=True,
        initializer_range=0.1,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **ids,
    )
