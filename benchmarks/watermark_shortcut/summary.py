"""Brings the trials together: mean over the seeds, and how sure it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.watermark_shortcut.trial import METRIC, Outcome
from vqatrain.scoring.intervals import Interval, difference, interval
from vqatrain.scoring.metric import all_metrics


class Bar(NamedTuple):
    """What the runs of one arm reach on one test."""

    arm: str
    test: str
    mean: Interval
    """Over questions and seeds; the interval is that of the bootstrap over questions."""
    seeds: list[float]
    gain: Interval | None
    """Over the first arm, question by question; ``None`` for that arm itself."""


def bars(outcomes: Iterable[Outcome]) -> list[Bar]:
    """A bar for each arm and test, in the order in which they come."""
    found: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for one in outcomes:
        found[one.arm, one.test].append(one.scores)
    metric = all_metrics()[METRIC]
    means = {key: [(sum(row) / len(row),) for row in zip(*runs, strict=True)]
             for key, runs in found.items()}  # fmt: skip
    first = next(iter(found))[0]
    return [
        Bar(arm, test, interval(metric, means[arm, test]), [sum(run) / len(run) for run in runs],
            None if arm == first else difference(metric, means[first, test], means[arm, test]))
        for (arm, test), runs in found.items()
    ]  # fmt: skip


def table(found: list[Bar]) -> list[str]:
    """The bars as lines of a Markdown table."""
    first = found[0].arm
    lines = [
        f"| trained on | asked about | exact match | 95 % interval | seeds | against {first} |",
        "|---|---|---:|---|---|---:|",
    ]
    for bar in found:
        seeds = ", ".join(f"{100 * seed:.1f}" for seed in bar.seeds)
        span = f"{100 * bar.mean.low:.1f} to {100 * bar.mean.high:.1f}"
        gain = "" if bar.gain is None else (
            f"{100 * bar.gain.score:+.1f} "
            f"({100 * bar.gain.low:+.1f} to {100 * bar.gain.high:+.1f})"
        )  # fmt: skip
        mean = f"{100 * bar.mean.score:.1f}"
        lines.append(f"| {bar.arm} | {bar.test} | {mean} | {span} | {seeds} | {gain} |")
    return lines
