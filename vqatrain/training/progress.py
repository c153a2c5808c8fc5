"""What a run says while it goes: a line a few steps, in the log file and on the terminal.

Beside the loss it says how fast the run is and how long it waits for data. It comes before the
other callbacks, so that TensorBoard and Weights & Biases are told the same.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

log = logging.getLogger(__name__)

LEFT_OUT = ("epoch", "num_input_tokens_seen", "train_runtime", "train_tokens_per_second")
"""What the trainer adds and nobody needs: its data set is the whole run, so its epoch says nothing,
and its speed is that of the whole run, with evaluations and checkpoints."""


class Progress(TrainerCallback):  # type: ignore[misc]
    """Writes every log entry of the trainer to ``log.jsonl`` and says it in one line.

    Args:
        path: The log file; one JSON object a line.
    """

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self._path = path
        self._started = self._idle_since = time.monotonic()
        self._worked = self._waited = 0.0
        self._seen = (0, 0)
        self._first = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Begin to count, also in the middle of a run that is continued."""
        self._seen = (state.global_step, state.num_input_tokens_seen)
        self._first = state.global_step
        self._started = self._idle_since = time.monotonic()

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """The batches of a step are there."""
        self._begun = time.monotonic()
        self._waited += self._begun - self._idle_since

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """The step is done; what comes until the next one is waiting, unless it is said below."""
        self._idle_since = time.monotonic()
        self._worked += self._idle_since - self._begun

    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """A checkpoint was written; that is no waiting for data."""
        self._idle_since = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Take one entry of the trainer's log, and add to it."""
        logs: dict[str, float] = given.get("logs") or {}
        for name in LEFT_OUT:
            logs.pop(name, None)
        if "loss" in logs:
            logs.update(self._speed(args, state))
        if state.is_world_process_zero:
            self._write({"step": state.global_step, **logs})
            if "loss" in logs:
                log.info("%s", self._line(state, logs))
        self._idle_since = time.monotonic()

    def _write(self, entry: dict[str, float]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def _speed(self, args: Any, state: Any) -> dict[str, float]:
        """Tokens and samples a second since the last entry, and the share of waiting for data."""
        steps, tokens = (
            state.global_step - self._seen[0],
            state.num_input_tokens_seen - self._seen[1],
        )
        samples = steps * args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        seconds = max(self._worked + self._waited, 1e-9)
        share = self._waited / seconds
        self._seen = (state.global_step, state.num_input_tokens_seen)
        self._worked = self._waited = 0.0
        return {
            "tokens_per_second": round(tokens / seconds, 1),
            "samples_per_second": round(samples / seconds, 2),
            "data_wait_share": round(share, 4),
        }

    def _line(self, state: Any, logs: dict[str, float]) -> str:
        elapsed = time.monotonic() - self._started
        done = state.global_step - self._first
        left = elapsed / max(1, done) * (state.max_steps - state.global_step)
        return (
            f"step {state.global_step}/{state.max_steps}  loss {logs['loss']:.4f}  "
            f"learning rate {logs.get('learning_rate', 0):.2e}  "
            f"{logs['tokens_per_second']:,.0f} tokens/s, {logs['data_wait_share']:.0%} waiting  "
            f"{elapsed:.0f} s, {left:.0f} s left"
        )
