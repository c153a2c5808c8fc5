"""Four-bit weights for QLoRA: NF4 with double quantisation (Dettmers et al. 2023), by bitsandbytes.

Weights of a quantised layer cost 0.516 bytes instead of 2. What is not asked for stays as it is:
the vision tower and the output layer lose most and cost little. bitsandbytes runs on CUDA and, for
trials, on a CPU.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vqadata.errors import MissingExtraError, OptionError
from vqatrain.models.family import Family, Part
from vqatrain.parallel import zero_three

if TYPE_CHECKING:
    import torch


def loading_options(
    family: type[Family], parts: Sequence[Part], dtype: torch.dtype
) -> dict[str, Any]:
    """Options of ``from_pretrained`` that quantise the linear layers of some parts.

    Args:
        family: Knows the names of the parts.
        parts: What is quantised; nothing if empty.
        dtype: Type of computation.

    Raises:
        MissingExtraError: bitsandbytes is not installed.
    """
    if not parts:
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtraError("--tuning qlora", "qlora", "bitsandbytes")
    import torch
    from transformers import BitsAndBytesConfig

    sharded = zero_three() or os.environ.get("ACCELERATE_USE_FSDP") == "true"

    # Full names: transformers compares from the start, so "visual" would skip nothing. And a list
    # replaces the default one, so that the output layer must stand in it.
    kept = [
        name for part, names in family.prefixes().items() if part not in parts for name in names
    ]
    nf4 = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        # Shards of weights are cut in their own type.
        bnb_4bit_quant_storage=dtype if sharded else torch.uint8,
        llm_int8_skip_modules=kept,
    )
    if zero_three():
        return {"quantization_config": nf4}
    device: Any = int(os.environ.get("LOCAL_RANK", "0")) if torch.cuda.is_available() else "cpu"
    return {"quantization_config": nf4, "device_map": {"": device}}


def check(model: Any, family: type[Family], parts: Sequence[Part]) -> None:
    """See to it that what was asked for is quantised, and nothing else.

    Raises:
        OptionError: A layer is quantised that should not be, or the other way round; it is named.
    """
    import torch

    for name, module in model.named_modules():
        part = family.part_of(name)
        four_bit = type(getattr(module, "weight", None)).__name__ == "Params4bit"
        if four_bit and part not in parts:
            raise OptionError("--quantise", f"{name} was quantised", f"{part} layers as they are")
        linear = type(module) is torch.nn.Linear or type(module).__name__ == "Linear4bit"
        if linear and not four_bit and part in parts:
            raise OptionError(
                "--quantise", f"{name} cannot be quantised in this model",
                "parts that can", f"Leave {part} out.",
            )  # fmt: skip


def compute_plainly(model: Any) -> None:
    """On a CPU, compute alike in training and inference, and alike on every processor.

    Where a CPU has AVX512-BF16, bitsandbytes 0.50 repacks weights at the first inference, rounds
    their scales to bfloat16, and fails if a layer's width is no multiple of 64.
    """
    for module in model.modules():
        if type(module).__name__ == "Linear4bit":
            module.support_avx512bf16_for_cpu = False


def quantised_layers(model: Any) -> int:
    """Number of linear layers with four-bit weights; under adapters they are counted once."""
    return sum(type(weight).__name__ == "Params4bit" for weight in model.parameters())
