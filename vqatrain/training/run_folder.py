"""The run folder: what stands in it when a run begins, and when it is finished."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import time
from pathlib import Path
from typing import Any

from vqadata.errors import OptionError
from vqatrain import parallel
from vqatrain.batches import contract
from vqatrain.config import TrainConfig
from vqatrain.models import model as models
from vqatrain.models.family import Loaded
from vqatrain.pace import is_main, steps_done
from vqatrain.training import card, checkpoints, proof

LOG = "log.jsonl"
LIBRARIES = ("vqadata", "torch", "transformers", "peft", "accelerate", "pillow", "pyarrow")


def refuse_existing(config: TrainConfig) -> None:
    """Refuse to write over a run.

    Raises:
        OptionError: The folder exists, and no checkpoint of it is continued.
    """
    if is_main() and config.out.exists() and not _goes_on_here(config):
        finished = (config.out / models.RUN_FILE).exists()
        found = "a finished run" if finished else "a run that did not finish, or other files"
        raise OptionError(
            "--out", f"{config.out}: {found}", "a new folder",
            f"Choose another name, remove it, or go on in it with --resume {config.out}.",
        )  # fmt: skip


def _goes_on_here(config: TrainConfig) -> bool:
    """Whether the checkpoint to continue is one of the folder itself."""
    return config.resume is not None and config.out.resolve() in config.resume.resolve().parents


def begin(config: TrainConfig, loaded: Loaded, labels: proof.LabelProof) -> Path:
    """Make the folder; write configuration, label proof, and a base that lies nowhere else."""
    if not is_main():
        return config.out
    config.out.mkdir(parents=True, exist_ok=True)
    if config.resume is not None and _goes_on_here(config):
        _go_back(config.out, config.resume)
    _write_json(config.out / "config.json", config.model_dump(mode="json"))
    (config.out / LOG).touch()
    proof.write(labels, config.out)
    if loaded.origin is not None and config.adapters:
        models.save(loaded._replace(model=loaded.origin), config.out / models.BASE_FOLDER)
    return config.out


def _go_back(folder: Path, checkpoint: Path) -> None:
    """Forget what a run did after a checkpoint of its own, and that it was finished."""
    (folder / models.RUN_FILE).unlink(missing_ok=True)
    done = steps_done(checkpoint)
    lines = (folder / LOG).read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]  # a killed run cuts its last one
    kept = [line for line in whole if json.loads(line)["step"] <= done]
    (folder / LOG).write_text("".join(kept), encoding="utf-8")


def save(
    folder: Path, config: TrainConfig, trainer: Any, processor: Any, agreed: contract.Contract
) -> None:
    """Save the model, or the adapter, with the processor and the contract of preprocessing.

    Weights that processes share are put together; all of them take part.
    """
    whole = trainer.accelerator.unwrap_model(trainer.model_wrapped)
    state = parallel.whole_state(trainer)
    options: dict[str, Any] = {}
    if state is not None:
        tied = getattr(whole, "all_tied_weights_keys", {})
        options["state_dict"] = {name: state[name] for name in state if name not in tied}
        if not config.adapters:  # transformers would name them after the folder they came from
            options["save_original_format"] = False
    if is_main():
        target = folder / (models.ADAPTER_FOLDER if config.adapters else models.MODEL_FOLDER)
        whole.save_pretrained(str(target), **options)
        describe(processor, agreed, target)


def describe(processor: Any, agreed: contract.Contract, weights: Path) -> None:
    """Write beside weights, of a run or a checkpoint, what makes them a model that can be asked."""
    processor.save_pretrained(str(weights))
    contract.write(agreed, weights)


def finish(folder: Path, started: float, facts: dict[str, Any]) -> None:
    """Write ``run.json``, which says that the run is whole, and the run card.

    Args:
        folder: The run folder.
        started: Seconds since the epoch.
        facts: What was trained on, and how it went.
    """
    if not is_main():
        return
    with contextlib.suppress(OSError):  # the trainer makes the folder also where nothing comes in
        (folder / checkpoints.FOLDER).rmdir()
    record = {
        "status": "finished",
        **facts,
        "seconds": round(time.time() - started, 1),
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }
    _write_json(folder / models.RUN_FILE, record)
    card.write(folder)


def _write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON file so that it is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
