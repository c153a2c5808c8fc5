"""Exact match: the prediction is the training answer, but for case and outer spaces."""

from __future__ import annotations

from typing import ClassVar

from vqatrain.scoring.metric import Metric, RecordView


class ExactMatch(Metric):
    """1 if prediction and answer are equal, else 0."""

    title: ClassVar[str] = "exact match"
    standard: ClassVar[bool] = True

    def score(self, prediction: str, record: RecordView) -> float | None:
        """Compare with ``answer``; ``None`` if the record has none."""
        answer = record["answer"]
        if answer is None:
            return None
        return float(prediction.strip().casefold() == answer.strip().casefold())
