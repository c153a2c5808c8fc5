"""The checkpoints of a run: which one to go on from, how many are kept, and what to say of them."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TypeVar

from vqadata.errors import OptionError, VqaDataError
from vqatrain.config import TrainConfig
from vqatrain.pace import read_checkpoint
from vqatrain.training import trace

log = logging.getLogger(__name__)

FOLDER = "checkpoints"

Config = TypeVar("Config", bound=TrainConfig)


def chosen(config: Config) -> Config:
    """The options with the checkpoint to go on from, where ``--resume`` names a run.

    Raises:
        OptionError: The run has no whole checkpoint.
    """
    run = config.resume
    if run is None or not (run / trace.FILE).is_file():
        return config
    done = _steps_done(run)
    for checkpoint in reversed(of(run)):
        if step_of(checkpoint) <= done and _is_whole(checkpoint):
            return config.model_copy(update={"resume": checkpoint})
    raise OptionError(
        "--resume", f"{run}: no whole checkpoint in it", "a run with checkpoints",
        "Begin anew, with --save-steps.",
    )  # fmt: skip


def of(run: Path) -> list[Path]:
    """The checkpoints of a run, the oldest first."""
    return sorted((run / FOLDER).glob("checkpoint-*"), key=step_of)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was written; 0 of a folder that is called otherwise."""
    number = checkpoint.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def prune(newest: Path, keep: int | None) -> None:
    """Remove the oldest checkpoints, once a new one is whole.

    Args:
        newest: The new one. Later ones, of a run that went back, are left alone.
        keep: How many stay; ``None``: all.
    """
    if keep is not None:
        upto = [old for old in of(newest.parent.parent) if step_of(old) <= step_of(newest)]
        for old in upto[:-keep]:
            shutil.rmtree(old)


def how_to_go_on(run: Path, step: int) -> str:
    """What to say when a run is stopped."""
    if any(_is_whole(checkpoint) for checkpoint in of(run)):
        return f"stopped after step {step}; go on with: --resume {run} -o {run}"
    return f"stopped after step {step}, and no checkpoint was written; --save-steps writes them"


def _steps_done(run: Path) -> int:
    """Steps in the trace of a run: checkpoints of later ones were left behind by going back."""
    with (run / trace.FILE).open(encoding="utf-8") as file:
        return sum(line.endswith("\n") for line in file) - 1


def _is_whole(checkpoint: Path) -> bool:
    try:
        read_checkpoint(checkpoint)
    except VqaDataError as error:
        log.warning("%s", error)
        return False
    return True
