"""How many places a step takes, and who takes them: the same number when a run is continued.

What a run was begun with (questions a device, accumulation, processes) fixes the places of a step.
A checkpoint keeps that number; a run that goes on with other processes accumulates more or less.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any, NamedTuple

from vqadata.errors import OptionError, VqaDataError
from vqatrain.config import TrainConfig

log = logging.getLogger(__name__)

FILE = "vqatrain.json"
"""What a checkpoint says of the run, beside the state of the trainer."""

KEPT = (
    "tuning", "freeze", "quantise", "lora_rank", "lora_alpha", "lora_targets", "learning_rate",
    "weight_decay", "adam_beta2",
)  # fmt: skip
"""Options that a checkpoint keeps: in what is trained, and in the state of the optimiser."""


class Pace(NamedTuple):
    """How a step is made."""

    batch_size: int
    accumulation: int
    processes: int

    @property
    def step(self) -> int:
        """Places of a step, over all processes."""
        return self.batch_size * self.accumulation * self.processes


def processes() -> int:
    """Processes of the run, as torchrun and its like say."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this process writes."""
    return os.environ.get("RANK", "0") == "0"


def pace(config: TrainConfig) -> Pace:
    """Of a new run by its options; of one that goes on, so that a step stays what it was.

    Raises:
        OptionError: So many processes cannot share the places of a step, or another option is given
            where the checkpoint would silently keep its own.
    """
    size = 1 if config.batching == "packed" else config.batch_size
    if config.resume is None:
        return Pace(size, config.gradient_accumulation, processes())
    step = int(read_checkpoint(config.resume)["places_a_step"])
    _refuse_changed(config, config.resume.parent.parent / "config.json")
    each, left = divmod(step, processes())
    if left:
        raise OptionError(
            "--resume", f"{processes()} processes for steps of {step} places",
            f"a number of processes that divides {step}",
        )  # fmt: skip
    size = max(n for n in range(1, min(size, each) + 1) if each % n == 0)
    return Pace(size, each // size, processes())


def steps_done(checkpoint: Path) -> int:
    """Steps of the run that made a checkpoint."""
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    return int(state["global_step"])


def refuse_finished(config: TrainConfig, steps: int) -> None:
    """See to it that a run that goes on has steps left; at its last one it only saves its model.

    Raises:
        OptionError: The checkpoint is further than the run shall go.
    """
    if config.resume is None:
        return
    step = steps_done(config.resume)
    done = f"{config.resume}: step {step:,} of {steps:,}; nothing is left to train"
    remedy = "Raise --max-steps or --epochs to train on."
    if step > steps:
        raise OptionError("--resume", done, f"a checkpoint before step {steps:,}", remedy)
    if step == steps and is_main():
        log.warning("--resume %s, its model is saved as it is. %s", done, remedy)


def _refuse_changed(config: TrainConfig, before: Path) -> None:
    """See to it that what a checkpoint keeps is what is asked for."""
    if not before.is_file():
        return
    was, given = json.loads(before.read_text(encoding="utf-8")), config.model_dump(mode="json")
    for name in KEPT:
        if was.get(name, given[name]) != given[name]:
            raise OptionError(
                "--resume", f"the run began with {name.replace('_', '-')} {was[name]}, "
                f"not {given[name]}", "the options that it began with",
                "A new run from its model may have others.",
            )  # fmt: skip


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """What a checkpoint says of the run.

    Raises:
        VqaDataError: It says nothing, or a file is not what it was.
    """
    try:
        found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise VqaDataError(
            str(folder), f"no {FILE} in it that can be read", "a checkpoint of vqatrain",
            "Name a folder such as runs/first/checkpoints/checkpoint-500.",
        ) from None  # fmt: skip
    for name, size in found.get("files", {}).items():
        path = folder / name
        there = f"{path.stat().st_size:,} bytes" if path.is_file() else "no such file"
        if there != f"{size:,} bytes":
            raise VqaDataError(
                str(path), there, f"{size:,} bytes", "Copy it again, or take another checkpoint."
            )
    return found
