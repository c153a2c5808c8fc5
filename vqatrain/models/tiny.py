"""What the tiny builds have in common: the shape of a model that learns within minutes on a CPU.

The initial range is the decisive knob: at the usual 0.02 a width of 64-128 stays on the language
prior for hundreds of steps, at 0.1 it looks at the picture.
"""

from __future__ import annotations

from typing import Any

IMAGE, PATCH, MERGE = 64, 8, 2
"""Pixels a side, pixels a patch, patches a token and side."""

IMAGE_TOKENS = (IMAGE // PATCH // MERGE) ** 2
WIDTH, HEADS = 96, 4
INITIAL_RANGE = 0.1

CHATML_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHATML_ROLES = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}


def chatml(picture: str) -> str:
    """Jinja template of ChatML without a default system turn.

    Args:
        picture: What stands for a picture.
    """
    return (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
        "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
        + picture
        + "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )


def vision(**more: Any) -> dict[str, Any]:
    """Configuration of a vision tower in the words of SigLIP, and what else a family needs."""
    return {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": HEADS, "image_size": IMAGE, "patch_size": PATCH,
        "initializer_range": INITIAL_RANGE, **more,
    }  # fmt: skip


def text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    """Configuration of a language model in the words of Llama, and what else a family needs."""
    return {
        "vocab_size": len(tokenizer), "hidden_size": WIDTH, "intermediate_size": 256,
        "num_hidden_layers": 2, "num_attention_heads": HEADS, "num_key_value_heads": HEADS,
        "max_position_embeddings": 1024, "initializer_range": INITIAL_RANGE,
        "tie_word_embeddings": True, **roles(tokenizer), **more,
    }  # fmt: skip


def roles(tokenizer: Any) -> dict[str, int | None]:
    """Ids of the tokens that begin, end and fill up a text."""
    return {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def ids(tokenizer: Any, **tokens: str) -> dict[str, int]:
    """Configuration entries that name tokens: ``ids(t, image_token_id="<image>")``."""
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in tokens.items()}


def wake(model: Any) -> None:
    """Fill matrices that begin at zero, as Gemma 3's projector: behind them no picture is seen."""
    import torch

    for weight in model.parameters():
        if weight.ndim > 1 and not weight.any():
            torch.nn.init.normal_(weight, std=INITIAL_RANGE)
