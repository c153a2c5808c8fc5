"""Merges an adapter into its base, which is never quantised, and measures what that changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vqadata.errors import OptionError
from vqatrain.answering.probe import Difference, difference, logits
from vqatrain.batches import contract
from vqatrain.config import MergeConfig
from vqatrain.delivering.whole_folder import refuse_existing, whole_folder
from vqatrain.models import model as models
from vqatrain.models.family import Part

FILE = "merge.json"


class Merge(BaseModel):
    """What a merge made; ``merge.json`` is this model."""

    model_config = ConfigDict(frozen=True)

    model: str = Field(description="The run, or the base.")
    adapter: str = Field(description="Folder of the adapter.")
    precision: str
    probes: int = Field(description="Made pictures with a question, on which models are compared.")
    difference: Difference = Field(
        description="Between the merged model, reloaded from disk, and the base with the adapter."
    )
    difference_to_quantised: Difference | None = Field(
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

    refuse_existing(config.out)
    trained = models.find_trained(config.model, config.adapter)
    if trained.adapter is None:
        raise OptionError("--adapter", f"{config.model} has none", "a run with LoRA, or a folder")
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    dtype = models.choose_dtype(config.precision)
    quantised = _quantised_parts(Path(config.model))
    as_trained = logits(models.load_trained(trained, dtype, quantised)) if quantised else None

    loaded = models.load_trained(trained, dtype)
    unmerged = logits(loaded)
    merged: Any = loaded.model
    agreed = contract.read(trained.folder)
    with whole_folder(config.out) as folder:
        models.save(loaded._replace(model=merged.merge_and_unload(safe_merge=True)), folder)
        if agreed is not None:
            contract.write(agreed, folder)
        reloaded = logits(models.load(str(folder), dtype))
        done = Merge(
            model=config.model,
            adapter=str(trained.adapter),
            precision=str(dtype).removeprefix("torch."),
            probes=len(reloaded),
            difference=difference(reloaded, unmerged),
            difference_to_quantised=None
            if as_trained is None
            else difference(reloaded, as_trained),
        )
        (folder / FILE).write_text(done.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return done


def _quantised_parts(run: Path) -> list[Part]:
    """Parts that were quantised in a run; none if this is no run."""
    record = run / models.RUN_FILE
    return json.loads(record.read_text())["quantised"] if record.is_file() else []
