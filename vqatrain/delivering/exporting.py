"""Writes a trained model for others to run, reads it back, and measures what that changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from vqadata.discover import find
from vqadata.errors import OptionError
from vqatrain import exports
from vqatrain.answering.probe import Difference, difference, logits
from vqatrain.batches import contract
from vqatrain.config import PictureOptions
from vqatrain.delivering.config import ExportConfig
from vqatrain.delivering.whole_folder import refuse_existing, whole_folder
from vqatrain.models import model as models
from vqatrain.models.family import Loaded

FILE = "vqatrain-export.json"


class Exported(BaseModel):
    """What was written; ``vqatrain-export.json`` is this model."""

    model_config = ConfigDict(frozen=True)

    model: str = Field(description="The run, or the model.")
    format: str
    family: str
    precision: str
    difference: Difference = Field(
        description="Between the model in PyTorch and the export, read back from disk."
    )
    files: list[str] = Field(description="What the folder holds beside this file.")


class ModelExport(ABC):
    """A form of a model; its file name is the name of the format."""

    only_fp32: ClassVar[bool] = False

    @abstractmethod
    def write(self, loaded: Loaded, folder: Path) -> None:
        """Write a model with its processor.

        Args:
            loaded: The model without adapters, its processor set as it was in training.
            folder: Exists, and is empty.

        Raises:
            OptionError: Models of this family cannot be written so.
        """

    @abstractmethod
    def read(self, folder: Path, dtype: Any) -> Loaded:
        """Read it back, as an answerer does."""

    @abstractmethod
    def usage(self, suffix: str) -> str:
        """How the folder is used, in Markdown.

        Args:
            suffix: Text that stood after every question in training.
        """


def export(config: ExportConfig) -> Exported:
    """Write a model in another form.

    Args:
        config: Which model, which form, where to.

    Returns:
        What was written, and how its answers differ; the same lies in the folder.

    Raises:
        OptionError: There is no such model or format, it does not fit, or the folder exists.
    """
    form = find(exports, ModelExport, config.format, "--format")()  # type: ignore[type-abstract]
    refuse_existing(config.out)
    if form.only_fp32 and config.precision == "bf16":
        raise OptionError("--precision", f"bf16 with --format {config.format}", "fp32")
    models.prepare_libraries()
    import torch

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    dtype = torch.float32 if form.only_fp32 else models.choose_dtype(config.precision)
    loaded, agreed = _merged(config, dtype)
    before = logits(loaded)
    with whole_folder(config.out) as folder:
        form.write(loaded, folder)
        contract.write(agreed, folder)
        (folder / "README.md").write_text(form.usage(agreed.prompt_suffix), encoding="utf-8")
        done = Exported(
            model=config.model,
            format=config.format,
            family=agreed.family,
            precision=str(dtype).removeprefix("torch."),
            difference=difference(before, logits(form.read(folder, dtype))),
            files=sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")),
        )
        (folder / FILE).write_text(done.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return done


def _merged(config: ExportConfig, dtype: Any) -> tuple[Loaded, contract.Contract]:
    """The model with its adapter merged, and the contract that it answers under."""
    trained = models.find_trained(config.model, config.adapter)
    loaded = models.load_trained(trained, dtype)
    if trained.adapter is not None:
        adapted: Any = loaded.model
        loaded = loaded._replace(model=adapted.merge_and_unload(safe_merge=True))
    agreed = contract.read(trained.folder)
    suffix = agreed.prompt_suffix if agreed else ""
    return loaded, contract.settle(loaded, PictureOptions(), suffix, agreed)
