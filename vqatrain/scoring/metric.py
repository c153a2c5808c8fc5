"""A metric scores one prediction against what the source knew of its question."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from vqadata.discover import find, names
from vqatrain import metrics
from vqatrain.scoring.consensus import mean_leave_one_out

if TYPE_CHECKING:
    import numpy as np

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

RecordView: TypeAlias = Mapping[str, Any]
"""A canonical record as a dictionary, without ``origin``."""


class Metric(ABC):
    """One way to score; its file name is its name."""

    title: ClassVar[str]
    """Words for tables."""
    standard: ClassVar[bool] = False
    """Whether it is computed where no metric is named."""

    @abstractmethod
    def score(self, prediction: str, record: RecordView) -> float | None:
        """Score one prediction.

        Args:
            prediction: What the model answered.
            record: The canonical record, as a dictionary.

        Returns:
            A score from 0 to 1; ``None`` where the record lacks what the metric needs.
        """

    def counts(self, prediction: str, record: RecordView) -> tuple[float, ...] | None:
        """What one row adds to the sums that :meth:`overall` is made of; by default its score."""
        score = self.score(prediction, record)
        return None if score is None else (score,)

    def overall(self, sums: Numbers, rows: int) -> Numbers:
        """The score of a set of rows, from 0 to 1.

        Args:
            sums: Sums of :meth:`counts` in the last axis, for one set of rows or for many.
            rows: How many rows were summed in each set.

        Returns:
            One score a set; by default the mean.
        """
        return sums[..., 0] / rows


class Consensus(Metric):
    """Agreement with several annotators: both sides are brought into a form, then counted."""

    @abstractmethod
    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """The prediction and the answers as they are compared."""

    def agreement(self, prediction: str, answers: list[str]) -> float:
        """The score of one form against those of all annotators."""
        return mean_leave_one_out(prediction, answers)

    def score(self, prediction: str, record: RecordView) -> float | None:
        """Score against all answers; ``None`` with fewer than two, where agreement says nothing."""
        answers = [answer["answer"] for answer in record["answers"]]
        return self.agreement(*self.forms(prediction, answers)) if len(answers) > 1 else None


class F1(Metric):
    """F1 of finding the rows of one class: 2 TP / (2 TP + FP + FN), and 0 where there are none."""

    @abstractmethod
    def labels(self, prediction: str, record: RecordView) -> tuple[bool, bool] | None:
        """Whether the prediction says the class, and whether the row is of it."""

    def score(self, prediction: str, record: RecordView) -> float | None:
        """1 where prediction and row agree about the class, else 0."""
        labels = self.labels(prediction, record)
        return None if labels is None else float(labels[0] == labels[1])

    def counts(self, prediction: str, record: RecordView) -> tuple[float, ...] | None:
        """True positive, false positive, false negative."""
        labels = self.labels(prediction, record)
        if labels is None:
            return None
        said, true = labels
        return float(said and true), float(said and not true), float(true and not said)

    def overall(self, sums: Numbers, rows: int) -> Numbers:  # noqa: ARG002 - only the counts matter
        """F1 of each set of rows."""
        import numpy as np

        hits, wrong = 2 * sums[..., 0], sums[..., 1] + sums[..., 2]
        return hits / np.maximum(hits + wrong, 1)


def all_metrics() -> dict[str, Metric]:
    """All metrics that are found, by name."""
    return {name: find(metrics, Metric, name)() for name in names(metrics)}  # type: ignore[type-abstract]


def choose_metrics(wanted: Iterable[str] = ()) -> dict[str, Metric]:
    """The metrics that are named, or the standard ones; ``all`` names each.

    Raises:
        OptionError: There is no metric of that name.
    """
    known, chosen = all_metrics(), list(wanted)
    if "all" in chosen:
        return known
    if not chosen:
        return {name: metric for name, metric in known.items() if metric.standard}
    return {name: find(metrics, Metric, name, "--metric")() for name in dict.fromkeys(chosen)}  # type: ignore[type-abstract]


def source_field(record: RecordView, name: str) -> Any:
    """A field of the source that has no column of its own; ``None`` if it is not there."""
    extra = record.get("extra")
    return json.loads(extra).get(name) if extra else None
