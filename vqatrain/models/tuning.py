"""What of a model is trained: all of it, parts of it, or adapters."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from vqadata.errors import OptionError
from vqatrain.config import TrainConfig
from vqatrain.models.family import Family, family_of


def prepare(model: Any, config: TrainConfig) -> Any:
    """Put adapters on the model if they are asked for, and freeze what is asked for.

    Returns:
        The model to train.

    Raises:
        OptionError: No module fits the targets, or nothing is left to train.
    """
    family = family_of(model)
    if config.adapters:
        model = _add_lora(model, family, config)
    for name, weight in model.named_parameters():
        part = family.part_of(name)
        if part in config.freeze or (config.tuning == "projector" and part != "projector"):
            weight.requires_grad_(False)
    if not any(weight.requires_grad for weight in model.parameters()):
        raise OptionError(
            "--freeze", f"with {', '.join(config.freeze)} nothing is left to train",
            "at least one part that is trained",
            "LoRA trains the language model alone; see --lora-targets.",
        )  # fmt: skip
    return model


def _add_lora(model: Any, family: Family, config: TrainConfig) -> Any:
    """Put fresh LoRA adapters on the model; everything else is frozen.

    ``prepare_model_for_kbit_training`` of peft is not called for four-bit models: it turns vision
    tower, embeddings and output layer into float32, which costs 5 GB more with seven billion
    parameters. Adapters are float32 all the same.
    """
    from peft import LoraConfig, get_peft_model

    targets = config.lora_targets or family.lora_targets()
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, lora)
    except (ValueError, re.error) as error:
        problem = " ".join(str(error).split())[:200]
        raise OptionError("--lora-targets", f"{targets!r}: {problem}", "names of modules") from None


def put_on(model: Any, adapter: Path) -> Any:
    """Put a trained adapter on a model.

    Raises:
        OptionError: The folder holds no adapter, not all of it, or that of another model.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    if not (adapter / "adapter_config.json").is_file():
        raise OptionError("--adapter", f"{adapter}: no adapter_config.json", "an adapter folder")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Found missing adapter keys")
            return PeftModel.from_pretrained(model, str(adapter))
    except (OSError, ValueError, RuntimeError, SafetensorError, UserWarning) as error:
        problem = " ".join(str(error).split())[:200]
        raise OptionError(
            "--adapter", f"{adapter}: {problem}", "an adapter of this model, whole",
            "Name the model that it was trained on, or save it again.",
        ) from None  # fmt: skip


def count_parameters(model: Any) -> dict[str, int]:
    """Number of parameters, and of those that are trained; four-bit weights count as they were."""
    sizes = [
        # ZeRO-3 leaves a shard, and keeps the size that it was cut from.
        (
            getattr(weight, "quant_state", None),
            getattr(weight, "ds_numel", weight.numel()),
            weight.requires_grad,
        )
        for weight in model.parameters()
    ]
    counted = [(state.shape.numel() if state else size, on) for state, size, on in sizes]
    return {"all": sum(n for n, _ in counted), "trained": sum(n for n, on in counted if on)}
