"""What a run says while it goes: a line a few steps, in the log file and on the terminal."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

log = logging.getLogger(__name__)


class Progress(TrainerCallback):  # type: ignore[misc]
    """Writes every log entry of the trainer to ``log.jsonl`` and says it in one line.

    Args:
        path: The log file; one JSON object a line.
    """

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self._path = path
        self._started = time.monotonic()
        path.touch()

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Take one entry of the trainer's log."""
        logs: dict[str, float] = given.get("logs") or {}
        # The data set of the trainer is the whole run, so its epoch says nothing.
        entry = {"step": state.global_step, **logs}
        entry.pop("epoch", None)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        if "loss" in logs:
            log.info("%s", self._line(state, logs))

    def _line(self, state: Any, logs: dict[str, float]) -> str:
        elapsed = time.monotonic() - self._started
        left = elapsed / max(1, state.global_step) * (state.max_steps - state.global_step)
        return (
            f"step {state.global_step}/{state.max_steps}  loss {logs['loss']:.4f}  "
            f"learning rate {logs.get('learning_rate', 0):.2e}  {elapsed:.0f} s, {left:.0f} s left"
        )
