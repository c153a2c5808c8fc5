"""A metric scores one prediction against what the source knew of its question."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from vqadata.discover import find, names
from vqatrain import metrics


class Metric(ABC):
    """One way to score; its file name is its name."""

    title: ClassVar[str]
    """Words for tables."""

    @abstractmethod
    def score(self, prediction: str, record: Mapping[str, Any]) -> float | None:
        """Score one prediction.

        Args:
            prediction: What the model answered.
            record: The canonical record, as a dictionary.

        Returns:
            A score from 0 to 1; ``None`` where the record lacks what the metric needs.
        """


def all_metrics() -> dict[str, Metric]:
    """All metrics that are found, by name."""
    return {name: find(metrics, Metric, name)() for name in names(metrics)}  # type: ignore[type-abstract]
