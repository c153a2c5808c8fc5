"""Loads a model with its processor, from a folder, a hub id, a run, or as a tiny build."""

from __future__ import annotations

import json
import logging
import os
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.errors import OptionError
from vqatrain import parallel
from vqatrain.models import quantise, torchvision_cpu, weights
from vqatrain.models.family import Loaded, Part, family_named, family_of_type
from vqatrain.models.tuning import put_on
from vqatrain.pace import is_main

if TYPE_CHECKING:
    import torch

TINY = "tiny:"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
RUN_FILE = "run.json"
GRAPHS = "export.json"
"""File of transformers that names the graphs of an exported model."""

MODEL_FOLDER, ADAPTER_FOLDER, BASE_FOLDER = "model", "adapter", "base"
ADAPTER_CONFIG = "adapter_config.json"
"""File of peft that makes a folder an adapter."""


def choose_dtype(precision: str) -> torch.dtype:
    """The floating-point type of a precision option."""
    import torch

    if precision == "auto":
        precision = (
            "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "fp32"
        )
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]


def load(
    name: str, dtype: torch.dtype, corpus: Iterable[str] = (), quantised: Sequence[Part] = ()
) -> Loaded:
    """Load a model and its processor.

    Args:
        name: Folder, hub id, or ``tiny:FAMILY``.
        dtype: Type of the weights.
        corpus: Texts that the tokenizer of a tiny model is learnt from.
        quantised: Parts whose linear layers get four-bit weights.

    Raises:
        OptionError: There is no such model, or it is of no known family.
    """
    prepare_libraries()
    if not name.startswith(TINY):
        _check_reachable(name)
        return _from_pretrained(name, dtype, quantised)
    with parallel.whole_weights():
        built = family_named(name.removeprefix(TINY)).tiny(corpus)
    if not quantised and not parallel.zero_three():
        return built._replace(model=built.model.to(dtype))
    with parallel.shared_folder() as folder:
        if is_main():
            save(built, folder)
        parallel.wait()
        loaded = _from_pretrained(str(folder), dtype, quantised)
    # The folder is gone, and no adapter should name it as its base.
    loaded.model.name_or_path = loaded.model.config.name_or_path = ""
    return loaded._replace(origin=built.origin)


def model_type(name: str) -> str:
    """``config.model_type`` of a folder or hub id.

    Raises:
        OptionError: There is no such model.
    """
    _check_reachable(name)
    from transformers import AutoConfig

    try:
        return str(AutoConfig.from_pretrained(name).model_type)
    except (OSError, ValueError) as error:
        expected = "a model that transformers knows"
        raise OptionError("--model", f"{name}: {_first_line(error)}", expected) from None


def outline(name: str, corpus: Iterable[str] = ()) -> Loaded:
    """A model without weights, with its processor; a tiny one is built.

    Raises:
        OptionError: There is no such model, or it is of no known family.
    """
    prepare_libraries()
    if name.startswith(TINY):
        return family_named(name.removeprefix(TINY)).tiny(corpus)
    _check_reachable(name)
    import torch
    from transformers import AutoModelForImageTextToText

    config, processor = _described(name)
    with torch.device("meta"):
        return Loaded(AutoModelForImageTextToText.from_config(config), processor)


def _from_pretrained(name: str, dtype: torch.dtype, quantised: Sequence[Part]) -> Loaded:
    from transformers import AutoModelForImageTextToText

    config, processor = _described(name)
    family = family_of_type(config.model_type)
    options = quantise.loading_options(family, quantised, dtype)
    model = weights.read(AutoModelForImageTextToText, name, "--model", dtype=dtype, **options)
    quantise.check(model, family, quantised)
    quantise.compute_plainly(model)
    return Loaded(model, processor)


def _described(name: str) -> tuple[Any, Any]:
    """Configuration and processor of a model that is there.

    Raises:
        OptionError: They cannot be read, do not fit each other, or are of no known family.
    """
    from transformers import AutoConfig, AutoProcessor

    try:
        config = AutoConfig.from_pretrained(name)
        family = family_of_type(config.model_type)
        processor = AutoProcessor.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise weights.unreadable("--model", name, error) from None
    if processor.tokenizer.convert_ids_to_tokens(config.image_token_id) is None:
        found = f"{name}: its tokenizer has no token for pictures"
        remedy = "Put its tokenizer (tokenizer.json) beside the weights."
        raise OptionError("--model", found, f"token {config.image_token_id}", remedy)
    processor.chat_template = processor.chat_template or family.chat_template
    return config, processor


def save(loaded: Loaded, folder: Path) -> None:
    """Save a model with its processor."""
    loaded.model.save_pretrained(str(folder))
    loaded.processor.save_pretrained(str(folder))


def _check_reachable(name: str) -> None:
    """See to it that a model is there, with one look instead of one for each of its files.

    Raises:
        OptionError: It is no model folder, and no model of the hub that can be reached.
    """
    expected, remedy = "a model folder, a hub id ORG/NAME, or tiny:FAMILY", "Check the spelling."
    if Path(name).is_dir():
        if not (Path(name) / "config.json").is_file():
            raise OptionError("--model", f"{name}: no config.json in it", expected, remedy)
        if (Path(name) / GRAPHS).is_file():
            found = f"{name}: graphs without weights, which can only answer"
            raise OptionError("--model", found, "a folder with weights")
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


class Trained(NamedTuple):
    """Where a trained model lies."""

    base: str
    """Model folder or hub id."""
    adapter: Path | None

    @property
    def folder(self) -> Path:
        """Where the processor lies, and the contract of preprocessing if there is one."""
        return Path(self.base) if self.adapter is None else self.adapter


def find_trained(name: str, adapter: Path | None) -> Trained:
    """Find what a run made, or take any model with an adapter.

    Args:
        name: Run folder, model folder or hub id; or an adapter folder, such as a checkpoint.
        adapter: Adapter folder; the one of the run by default.

    Raises:
        OptionError: The run did not finish.
    """
    run = Path(name)
    if (run / ADAPTER_CONFIG).is_file():
        return Trained(_base_of_adapter(run), adapter or run)
    if not ((run / "config.json").is_file() and (run / "log.jsonl").exists()):
        return Trained(name, adapter)
    if not (run / RUN_FILE).is_file():
        raise OptionError(
            "--model", f"{run}: the run did not finish", "a finished run",
            f"Go on with --resume {run}, or name one of its checkpoints.",
        )  # fmt: skip
    if not (run / ADAPTER_FOLDER).is_dir():
        return Trained(str(run / MODEL_FOLDER), adapter)
    base = str(json.loads((run / RUN_FILE).read_text())["base_model"])
    base = str(run / BASE_FOLDER) if base.startswith(TINY) else base
    return Trained(base, adapter or run / ADAPTER_FOLDER)


def _base_of_adapter(adapter: Path) -> str:
    """The model that an adapter names, or the random base of the run that it lies in.

    Raises:
        OptionError: It names none, and lies in no run.
    """
    about = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    if named := about.get("base_model_name_or_path"):
        return str(named)
    for folder in adapter.resolve().parents[:2]:
        if (folder / BASE_FOLDER).is_dir():
            return str(folder / BASE_FOLDER)
    raise OptionError(
        "--model", f"{adapter}: an adapter that names no model", "a model",
        f"Name the model that it was trained on, and --adapter {adapter}.",
    )  # fmt: skip


def base_of(name: str) -> str:
    """What to train further: the model itself, or what a full run made.

    Raises:
        OptionError: It is a run with an adapter, or one that did not finish.
    """
    found = find_trained(name, None)
    if found.adapter is not None:
        raise OptionError(
            "--model", f"{name}: a run with an adapter", "a model",
            f"Merge it first: vqatrain merge {name} -o {name}-merged",
        )  # fmt: skip
    return found.base


def load_trained(trained: Trained, dtype: torch.dtype, quantised: Sequence[Part] = ()) -> Loaded:
    """Load a model, and put its adapter on; the processor is the one that lies by the adapter.

    Raises:
        OptionError: A folder is missing, or the adapter is of another model.
    """
    loaded = load(trained.base, dtype, quantised=quantised)
    if trained.adapter is None:
        return loaded
    processor = _processor_beside(trained, loaded)
    return Loaded(put_on(loaded.model, trained.adapter), processor)


def _processor_beside(trained: Trained, loaded: Loaded) -> Any:
    """The processor that lies by the adapter, or that of the model.

    Names and sizes of layers say little: those of two families may be the same.
    """
    adapter = trained.adapter
    if adapter is None or not (adapter / "processor_config.json").is_file():
        return loaded.processor
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(str(adapter))
    if type(processor) is not type(loaded.processor):
        raise OptionError(
            "--adapter", f"{adapter}: has a {type(processor).__name__}",
            f"a {type(loaded.processor).__name__}, as {trained.base} has",
            "Name the model that it was trained on.",
        )  # fmt: skip
    return processor


def prepare_libraries() -> None:
    """Make the libraries importable, and keep the terminal to what a user can act on.

    To be called before anything of transformers is imported.
    """
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers|peft")
    for name in ("transformers", "huggingface_hub", "bitsandbytes"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torchvision_cpu.prepare()
    _quiet_deepspeed()
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()


def _quiet_deepspeed() -> None:
    """Tell DeepSpeed, where it is installed, what it would else warn of on standard output."""
    import torch

    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
