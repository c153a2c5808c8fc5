"""Scores answered questions: every metric on every row, overall and by type, with intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from vqatrain.metrics.gqa import Gqa
from vqatrain.scoring.calibration import Calibration, calibrate
from vqatrain.scoring.consistency import consistencies
from vqatrain.scoring.intervals import Counts, Interval, difference, interval
from vqatrain.scoring.metric import Metric, RecordView

TYPES = ("answer_type", "question_type")


class Answered(NamedTuple):
    """A question with the answer of a model."""

    record: RecordView
    prediction: str
    probability: float | None = None
    """How sure the model was, 0 to 1, if that was asked for."""


class Score(BaseModel):
    """One number with its 95 % bootstrap interval."""

    model_config = ConfigDict(frozen=True)

    score: float | None = Field(description="0 to 1; null where no row could be scored.")
    low: float | None = Field(description="Lower end of the interval.")
    high: float | None = Field(description="Upper end of the interval.")
    rows: int = Field(description="Rows that the metric could score.")


class Scores(BaseModel):
    """What was found; ``scores.json`` is this model."""

    model_config = ConfigDict(frozen=True)

    model: str = Field(description="The model, or the file of predictions.")
    data_digest: str = Field(description="Digest of the manifest of the shards.")
    questions: int = Field(description="Questions that were answered.")
    unanswered_in_data: int = Field(description="Of those, questions without a known answer.")
    overall: dict[str, Score] = Field(description="Each metric over all rows.")
    by_answer_type: dict[str, dict[str, Score]]
    by_question_type: dict[str, dict[str, Score]]
    consistency: Score | None = Field(
        None,
        description="GQA's: questions that follow from one that was answered rightly, and are "
        "answered rightly too; null where the data name none.",
    )
    calibration: Calibration | None = Field(
        None, description="Whether the model is as often right as it is sure; if asked for."
    )

    def value(self, metric: str) -> float | None:
        """The overall score of a metric, 0 to 1."""
        return self.overall[metric].score


def summarise(
    rows: Sequence[Answered], metrics: Mapping[str, Metric], model: str, digest: str
) -> Scores:
    """Score some rows by some metrics."""
    counts = {name: _counts(metric, rows) for name, metric in metrics.items()}
    places = {kind: _places(rows, kind) for kind in TYPES}
    return Scores(
        model=model,
        data_digest=digest,
        questions=len(rows),
        unanswered_in_data=sum(row.record["answer"] is None for row in rows),
        overall={name: _score(metrics[name], counts[name]) for name in metrics},
        by_answer_type=_by_type(places["answer_type"], metrics, counts),
        by_question_type=_by_type(places["question_type"], metrics, counts),
        consistency=_consistency(rows),
        calibration=_calibration(rows, metrics, counts),
    )


def compare(
    ours: Sequence[Answered], theirs: Sequence[Answered], metrics: Mapping[str, Metric]
) -> dict[str, Interval]:
    """How far two runs on the same questions differ, for each metric that can score any."""
    found = {}
    for name, metric in metrics.items():
        pairs = zip(_counts(metric, ours), _counts(metric, theirs), strict=True)
        scored = [(a, b) for a, b in pairs if a is not None and b is not None]
        if scored:
            found[name] = difference(metric, [a for a, _ in scored], [b for _, b in scored])
    return found


def _by_type(
    places: Mapping[str, Sequence[int]],
    metrics: Mapping[str, Metric],
    counts: Mapping[str, list[tuple[float, ...] | None]],
) -> dict[str, dict[str, Score]]:
    return {
        kind: {name: _score(metrics[name], [counts[name][i] for i in rows]) for name in metrics}
        for kind, rows in sorted(places.items())
    }


def _consistency(rows: Sequence[Answered]) -> Score | None:
    known = consistencies([(row.record, row.prediction) for row in rows])
    return _score(Gqa(), [(one,) for one in known]) if known else None


def _calibration(
    rows: Sequence[Answered],
    metrics: Mapping[str, Metric],
    counts: Mapping[str, list[tuple[float, ...] | None]],
) -> Calibration | None:
    """By the first metric that can score any row."""
    for name, metric in metrics.items():
        scored = [
            (row.probability, metric.score(row.prediction, row.record))
            for row, count in zip(rows, counts[name], strict=True)
            if count is not None
        ]
        known = [(sure, score) for sure, score in scored if sure is not None and score is not None]
        if known:
            return calibrate(name, known)
    return None


def _counts(metric: Metric, rows: Sequence[Answered]) -> list[tuple[float, ...] | None]:
    return [metric.counts(row.prediction, row.record) for row in rows]


def _score(metric: Metric, counts: Sequence[tuple[float, ...] | None]) -> Score:
    known: Counts = [count for count in counts if count is not None]
    if not known:
        return Score(score=None, low=None, high=None, rows=0)
    return Score(**interval(metric, known)._asdict(), rows=len(known))


def _places(rows: Sequence[Answered], column: str) -> dict[str, list[int]]:
    """Numbers of the rows of each type."""
    places: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        kind: Any = row.record[column]
        if kind is not None:
            places[kind].append(number)
    return places
