"""The history of a data set, command by command, and which entries of the ledger are whose.

A ledger begins with all entries of the one before it. So the number of entries of an earlier data
set is where those of the next command begin. Where that one is not at hand, commands are told apart
by the names of their steps; those that share a name go together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import polars as pl

    from vqadata.shards.manifest import StepEntry
    from vqadata.shards.reader import Shards


class Command(NamedTuple):
    """What one command did, or several that cannot be told apart."""

    name: str
    """Its place in the history, and what it is: ``2 clean``, or ``2+3 clean``."""
    steps: list[StepEntry]
    upto: int
    """Number of steps of the history up to the next place of which the entries are known."""
    start: int
    """Entries of the ledger before its own."""
    end: int
    """Entries of the ledger with its own."""


def entries(shards: Shards) -> int:
    """How many entries the ledger of a data set has."""
    return sum(shards.manifest.ledger.entries.values())


def ancestors(shards: Shards, others: Iterable[Shards]) -> list[Shards]:
    """Those of some data sets from which the ledger of this one goes on, the oldest first."""
    found: dict[int, Shards] = {}
    steps = shards.manifest.steps
    for other in others:
        done = len(other.manifest.steps)
        before = done < len(steps) and other.manifest.steps == steps[:done]
        if before and steps[done].parent == other.digest:
            found[done] = other
    return [found[done] for done in sorted(found)]


def commands(data_sets: Sequence[tuple[Shards, int]]) -> list[Command]:
    """The commands that made a data set, the first one first.

    Args:
        data_sets: Its :func:`ancestors`, and then itself; with each the number of entries that
            were written with its findings: the last ones.
    """
    runs, ends = list(_runs(data_sets[-1][0].manifest.steps)), {0: 0}
    for shards, own in data_sets:
        upto = len(shards.manifest.steps)
        *_, last = (run for run in runs if run.upto <= upto)
        if last.steps[0].step == "clean":
            ends[upto - len(last.steps)] = entries(shards) - own
        ends[upto] = entries(shards)
    made: list[Command] = []
    for first, upto in pairwise(sorted(ends)):
        for group in _apart(run for run in runs if first < run.upto <= upto):
            steps = [step for run in group for step in run.steps]
            name = f"{'+'.join(str(run.number) for run in group)} {steps[0].step}"
            made.append(Command(name, steps, upto, ends[first], ends[upto]))
    return made


def last_command(made: Sequence[Command], shards: Shards) -> str:
    """The name of the command that wrote an ancestor, or the data set itself."""
    *_, step = steps = shards.manifest.steps
    return next(one.name for one in made if one.upto == len(steps) and step in one.steps)


def command_of(made: Sequence[Command]) -> pl.Expr:
    """The name of the command that wrote an entry, by its number ``_entry`` and its ``step``."""
    import polars as pl

    name = pl.lit(None, pl.String)
    for one in made:
        among = pl.col("_entry").is_between(one.start, one.end, closed="left")
        its = among & pl.col("step").is_in(sorted(_names(one.steps)))
        name = pl.when(its).then(pl.lit(one.name)).otherwise(name)
    return name.alias("command")


class _Run(NamedTuple):
    """The steps of one command."""

    number: int
    steps: list[StepEntry]
    upto: int
    """Number of steps of the history with these."""

    @property
    def names(self) -> set[str]:
        return _names(self.steps)


def _runs(steps: Sequence[StepEntry]) -> Iterator[_Run]:
    """The steps by the command that made them: all cleaners of one cleaning have one parent."""
    keyed = [(step.parent if step.step == "clean" else n, step) for n, step in enumerate(steps)]
    upto = 0
    for number, (_, run) in enumerate(groupby(keyed, lambda one: one[0]), 1):
        its = [step for _, step in run]
        upto += len(its)
        yield _Run(number, its, upto)


def _apart(runs: Iterable[_Run]) -> list[list[_Run]]:
    """The runs, those together that share a name."""
    groups: list[list[_Run]] = []
    for run in runs:
        alike = [group for group in groups if any(one.names & run.names for one in group)]
        groups = [group for group in groups if group not in alike]
        groups.append([one for group in alike for one in group] + [run])
    return groups


def _names(steps: Iterable[StepEntry]) -> set[str]:
    """What the entries of some steps are called in the ledger."""
    return {step.name if step.step == "clean" else step.step for step in steps}
