"""Accuracy while a run goes: some rows that are not trained on are answered every few steps.

Rows are taken at even distances. Answers are greedy and draw nothing at random, so the losses of
the run are those of one without it. Every process answers the same rows, which keeps sharded
models in step.
"""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from vqatrain.batches.batch import Batcher
from vqatrain.config import TrainConfig
from vqatrain.data import Questions
from vqatrain.scoring.habit import answers
from vqatrain.scoring.metric import choose_metrics
from vqatrain.scoring.scoring import Answered, summarise


class HeldOut(TrainerCallback):  # type: ignore[misc]
    """Answers the rows every few steps, and gives the scores to the trainer's log.

    Args:
        trainer: Has the model, and takes the scores.
        questions: The rows.
        batcher: Makes their prompts.
        config: How many rows, and how often.
    """

    def __init__(
        self, trainer: Any, questions: Questions, batcher: Batcher, config: TrainConfig
    ) -> None:
        """Choose the rows."""
        self._trainer, self._questions, self._batcher = trainer, questions, batcher
        self._every = config.eval_steps
        total, most = len(questions), config.eval_rows
        self._rows = [place * total // min(most, total) for place in range(min(most, total))]

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Answer, at some steps and at the last one."""
        if state.global_step % self._every == 0 or state.global_step == state.max_steps:
            self._trainer.log(self._scores())

    def _scores(self) -> dict[str, float]:
        records = list(self._questions.records())
        examples = [self._questions.example(row) for row in self._rows]
        said = answers(self._trainer.model, self._batcher, examples)
        rows = [Answered(records[row], text) for row, text in zip(self._rows, said, strict=True)]
        found = summarise(rows, choose_metrics([]), "", self._questions.shards.digest)
        return {
            f"eval_{name}": round(score.score, 4)
            for name, score in found.overall.items()
            if score.score is not None
        }
