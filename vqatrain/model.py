"""Loads a model with its processor, from a folder, a hub id, a run, or as a tiny build."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqadata.errors import OptionError
from vqatrain import torchvision_cpu
from vqatrain.config import TrainConfig
from vqatrain.family import Loaded, family_named, family_of

if TYPE_CHECKING:
    import torch

TINY = "tiny:"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
RUN_FILE = "run.json"
MODEL_FOLDER, ADAPTER_FOLDER, BASE_FOLDER = "model", "adapter", "base"


def choose_dtype(precision: str) -> torch.dtype:
    """The floating-point type of a precision option."""
    import torch

    if precision == "auto":
        precision = (
            "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "fp32"
        )
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]


def load(name: str, dtype: torch.dtype, corpus: Iterable[str] = ()) -> Loaded:
    """Load a model and its processor.

    Args:
        name: Folder, hub id, or ``tiny:FAMILY``.
        dtype: Type of the weights.
        corpus: Texts that the tokenizer of a tiny model is learnt from.

    Raises:
        OptionError: There is no such model, or it is of no known family.
    """
    torchvision_cpu.prepare()
    _quiet_libraries()
    if name.startswith(TINY):
        tiny = family_named(name.removeprefix(TINY)).tiny(corpus)
        return Loaded(tiny.model.to(dtype), tiny.processor)
    _check_reachable(name)
    from transformers import AutoModelForImageTextToText, AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(name)
        model = AutoModelForImageTextToText.from_pretrained(name, dtype=dtype, use_safetensors=True)
    except (OSError, ValueError) as error:
        problem = " ".join(str(error).split())[:300]
        raise OptionError(
            "--model", f"{name!r} cannot be loaded: {problem}",
            "a model folder, a hub id, or tiny:FAMILY",
            "Without network, pass a local folder.",
        ) from None  # fmt: skip
    family_of(model)
    return Loaded(model, processor)


def _check_reachable(name: str) -> None:
    """See to it that a model is there, with one look instead of one for each of its files.

    Raises:
        OptionError: It is no model folder, and no model of the hub that can be reached.
    """
    expected, remedy = "a model folder, a hub id ORG/NAME, or tiny:FAMILY", "Check the spelling."
    if Path(name).is_dir():
        if not (Path(name) / "config.json").is_file():
            raise OptionError("--model", f"{name}: no config.json in it", expected, remedy)
    elif not HUB_ID.fullmatch(name):
        raise OptionError("--model", f"{name}: no such folder", expected, remedy)
    else:
        from huggingface_hub import hf_hub_download

        try:
            hf_hub_download(name, "config.json")
        except (OSError, ValueError) as error:
            found = f"{name}: no such folder, and the hub says: {_first_line(error)}"
            remedy += " Without network, pass a local folder."
            raise OptionError("--model", found, expected, remedy) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


def load_trained(name: str, adapter: Path | None, dtype: torch.dtype) -> Loaded:
    """Load what a run made, or any model, with an adapter put on if there is one.

    Args:
        name: Run folder, model folder or hub id.
        adapter: Adapter folder; the one of the run by default.
        dtype: Type of the weights.

    Raises:
        OptionError: The run did not finish, or a folder is missing.
    """
    run = Path(name)
    base = name
    if (run / "config.json").is_file() and (run / "log.jsonl").exists():
        base = str(run / MODEL_FOLDER)
        if not (run / RUN_FILE).is_file():
            raise OptionError("--model", f"{run}: the run did not finish", "a finished run")
        if (run / ADAPTER_FOLDER).is_dir():
            adapter = adapter or run / ADAPTER_FOLDER
            base = str(json.loads((run / RUN_FILE).read_text())["base_model"])
            base = str(run / BASE_FOLDER) if base.startswith(TINY) else base
    loaded = load(base, dtype)
    return loaded if adapter is None else Loaded(_adapted(loaded.model, adapter), loaded.processor)


def add_lora(model: Any, config: TrainConfig) -> Any:
    """Put fresh LoRA adapters on the model; everything else is frozen.

    Raises:
        OptionError: No module fits the targets.
    """
    from peft import LoraConfig, get_peft_model

    targets = config.lora_targets or family_of(model).lora_targets()
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        problem = " ".join(str(error).split())[:200]
        raise OptionError("--lora-targets", f"{targets!r}: {problem}", "names of modules") from None


def _adapted(model: Any, adapter: Path) -> Any:
    from peft import PeftModel

    if not (adapter / "adapter_config.json").is_file():
        raise OptionError("--adapter", f"{adapter}: no adapter_config.json", "an adapter folder")
    return PeftModel.from_pretrained(model, str(adapter))


def _quiet_libraries() -> None:
    """Keep the terminal to what a user can act on."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    for name in ("transformers", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
