"""Exact match: the prediction is the training answer, but for case and outer spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from vqatrain.metric import Metric


class ExactMatch(Metric):
    """1 if prediction and answer are equal, else 0."""

    title: ClassVar[str] = "exact match"

    def score(self, prediction: str, record: Mapping[str, Any]) -> float | None:
        """Compare with ``answer``; ``None`` if the record has none."""
        answer = record["answer"]
        if answer is None:
            return None
        return float(prediction.strip().casefold() == answer.strip().casefold())
