"""Whether a model is right as often as it is sure: the expected calibration error.

Source: Guo, Pleiss, Sun and Weinberger, ICML 2017 (https://arxiv.org/abs/1706.04599), with ten bins
of equal width. How sure a model is of an answer is the probability of all its tokens and its end.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

BINS = 10


class Bin(BaseModel):
    """Answers of which the model was about equally sure."""

    model_config = ConfigDict(frozen=True)

    low: float = Field(description="Least probability.")
    high: float = Field(description="Most probability.")
    rows: int = Field(description="Answers between the two.")
    sure: float = Field(description="Mean probability; 0 without answers.")
    score: float = Field(description="Mean score; 0 without answers.")


class Calibration(BaseModel):
    """How far the probabilities of answers can be trusted."""

    model_config = ConfigDict(frozen=True)

    metric: str = Field(description="What says whether an answer is right.")
    rows: int = Field(description="Answers that were scored.")
    error: float = Field(
        description="Expected calibration error: mean distance of probability and score, 0 to 1."
    )
    sure: float = Field(description="Mean probability of an answer.")
    bins: list[Bin]


def calibrate(metric: str, answers: Sequence[tuple[float, float]]) -> Calibration:
    """Compare probabilities with scores.

    Args:
        metric: What gave the scores.
        answers: Probability and score of each answer, 0 to 1; at least one.

    >>> calibrate("exact-match", [(0.9, 1.0), (0.9, 0.0)]).error
    0.4
    """
    places: list[list[tuple[float, float]]] = [[] for _ in range(BINS)]
    for one in answers:
        places[min(int(one[0] * BINS), BINS - 1)].append(one)
    bins = [_bin(number, held) for number, held in enumerate(places)]
    rows = len(answers)
    return Calibration(
        metric=metric,
        rows=rows,
        error=sum(one.rows * abs(one.sure - one.score) for one in bins) / rows,
        sure=sum(sure for sure, _ in answers) / rows,
        bins=bins,
    )


def _bin(number: int, held: Sequence[tuple[float, float]]) -> Bin:
    rows = max(len(held), 1)
    return Bin(
        low=number / BINS,
        high=(number + 1) / BINS,
        rows=len(held),
        sure=sum(sure for sure, _ in held) / rows,
        score=sum(score for _, score in held) / rows,
    )
