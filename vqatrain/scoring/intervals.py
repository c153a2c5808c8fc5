"""How sure a score is: bootstrap intervals, and the difference of two runs on the same questions.

Source: Efron, Annals of Statistics 1979. The rows of a data set hold few different outcomes, so a
resample is one draw of how often each occurs: the same distribution as drawing rows, thousands of
times cheaper. The seed is fixed: the same predictions have the same interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vqatrain.scoring.metric import Metric

if TYPE_CHECKING:
    from vqatrain.scoring.metric import Numbers

RESAMPLES = 2_000
CELLS = 2_000_000
"""Numbers of a table of draws that are held at a time."""

LEVEL = 95.0
"""Per cent of the resamples that an interval holds."""

Counts = Sequence[tuple[float, ...]]
"""What each row adds to the sums of a metric (:meth:`vqatrain.scoring.metric.Metric.counts`)."""


class Interval(NamedTuple):
    """A score with the interval that holds it."""

    score: float
    low: float
    high: float


def interval(metric: Metric, counts: Counts) -> Interval:
    """The score of some rows, with its 95 % bootstrap interval.

    Args:
        metric: What was counted.
        counts: One entry a row, at least one.
    """
    return _bootstrap(counts, metric.overall)


def difference(metric: Metric, ours: Counts, theirs: Counts) -> Interval:
    """Score of ``theirs`` minus that of ``ours``, with the interval of the paired bootstrap.

    Args:
        metric: What was counted.
        ours: Counts of one run, one entry a row.
        theirs: Counts of the other run, of the same rows in the same order.
    """
    width = len(ours[0])
    both = [(*one, *other) for one, other in zip(ours, theirs, strict=True)]

    def gain(sums: Numbers, rows: int) -> Numbers:
        return metric.overall(sums[..., width:], rows) - metric.overall(sums[..., :width], rows)

    return _bootstrap(both, gain)


def _bootstrap(counts: Counts, statistic: Callable[[Numbers, int], Numbers]) -> Interval:
    import numpy as np

    rows = len(counts)
    outcomes, times = np.unique(np.asarray(counts, dtype=np.float64), axis=0, return_counts=True)
    drawn = [draws @ outcomes for draws in _draws(rows, times / rows)]
    low, high = np.percentile(
        statistic(np.concatenate(drawn), rows), [(100 - LEVEL) / 2, (100 + LEVEL) / 2]
    )
    # A sum row by row, not by outcome: to the last bit what a plain mean of the rows is.
    whole = statistic(np.asarray([[sum(column) for column in zip(*counts, strict=True)]]), rows)
    return Interval(float(whole[0]), float(low), float(high))


def _draws(rows: int, shares: Numbers) -> Iterator[Numbers]:
    """How often each outcome occurs in each resample, some resamples at a time."""
    import numpy as np

    generator = np.random.Generator(np.random.Philox(key=0))
    step = max(1, CELLS // len(shares))
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        yield generator.multinomial(rows, shares, size=size).astype(np.float64)
