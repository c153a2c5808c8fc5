"""Merges an adapter into its base, which is never quantised, and measures what that changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vqadata.errors import OptionError
from vqatrain import contract
from vqatrain import model as models
from vqatrain.batch import Batcher, placed
from vqatrain.config import MergeConfig
from vqatrain.data import Example
from vqatrain.family import Loaded, Part

FILE = "merge.json"


class Merge(BaseModel):
    """What a merge made; ``merge.json`` is this model."""

    model_config = ConfigDict(frozen=True)

    model: str = Field(description="The run, or the base.")
    adapter: str = Field(description="Folder of the adapter.")
    precision: str
    probes: int = Field(description="Made pictures with a question, on which models are compared.")
    difference: float = Field(
        description="Largest difference of next-token probabilities on the probes, between the "
        "merged model, reloaded from disk, and the base with the adapter."
    )
    difference_to_quantised: float | None = Field(
        description="The same against the quantised base with the adapter, as it was trained; null "
        "if nothing was quantised."
    )


def merge(config: MergeConfig) -> Merge:
    """Merge an adapter into its base.

    Args:
        config: Which adapter, and where to.

    Returns:
        What differs; the same lies in ``merge.json``, beside the model.

    Raises:
        OptionError: There is no adapter, or the output folder exists.
    """
    models.prepare_libraries()
    import torch

    if config.out.exists():
        raise OptionError("--out", f"{config.out} exists", "a new folder", "Choose another name.")
    trained = models.find_trained(config.model, config.adapter)
    if trained.adapter is None:
        raise OptionError("--adapter", f"{config.model} has none", "a run with LoRA, or a folder")
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    dtype = models.choose_dtype(config.precision)
    quantised = _quantised_parts(Path(config.model))
    as_trained = (
        _probabilities(models.load_trained(trained, dtype, quantised)) if quantised else None
    )

    loaded = models.load_trained(trained, dtype)
    unmerged = _probabilities(loaded)
    merged: Any = loaded.model
    folder = config.out.with_name(f".{config.out.name}.unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    models.save(loaded._replace(model=merged.merge_and_unload(safe_merge=True)), folder)
    agreed = contract.read(trained.folder)
    if agreed is not None:
        contract.write(agreed, folder)
    reloaded = _probabilities(models.load(str(folder), dtype))
    done = Merge(
        model=config.model,
        adapter=str(trained.adapter),
        precision=str(dtype).removeprefix("torch."),
        probes=len(reloaded),
        difference=_largest(reloaded, unmerged),
        difference_to_quantised=None if as_trained is None else _largest(reloaded, as_trained),
    )
    (folder / FILE).write_text(done.model_dump_json(indent=1) + "\n", encoding="utf-8")
    folder.replace(config.out)
    return done


def _quantised_parts(run: Path) -> list[Part]:
    """Parts that were quantised in a run; none if this is no run."""
    record = run / models.RUN_FILE
    return json.loads(record.read_text())["quantised"] if record.is_file() else []


def _probabilities(loaded: Loaded) -> Any:
    """Probabilities of the next token on the probes, of shape (probes, vocabulary)."""
    import torch

    model: Any = loaded.model.eval()
    inputs = placed(Batcher(loaded).prompts(_probes()), model)
    with torch.inference_mode():
        logits = model(**inputs, logits_to_keep=1).logits
    return logits[:, -1].float().softmax(-1).cpu()


def _probes() -> list[Example]:
    """A question about each of four made pictures: colour ramps of several shapes."""
    from PIL import Image

    ramp = Image.linear_gradient("L")
    sizes = ((64, 64), (96, 64), (64, 96), (224, 160))
    pictures = [
        Image.merge("RGB", [ramp.rotate(90 * (number + band)) for band in range(3)]).resize(size)
        for number, size in enumerate(sizes)
    ]
    return [Example("probe", [picture], "What is in the picture?", None) for picture in pictures]


def _largest(one: Any, other: Any) -> float:
    return float((one - other).abs().max())
