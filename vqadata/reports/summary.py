"""The facts of a report: what a program reads, and what the page shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from vqadata.reports.effects import Effects, effects
from vqadata.reports.lists import Lists
from vqadata.shards.manifest import FINDINGS, BalanceEntry, InputEntry, StepEntry

if TYPE_CHECKING:
    import polars as pl

    from vqadata.shards.reader import Shards

SEVERITIES = ("error", "warning", "info")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Loss(_Part):
    """Rows that one reason took away."""

    step: str = Field(description="convert, or the cleaner's name.")
    action: str = Field(description="dropped or quarantined.")
    code: str = Field(description="The reason.")
    rows: int


class Done(_Part):
    """What one command of the history did, or several that cannot be told apart."""

    name: str = Field(
        description="Its place in the history, and what it is: 2 clean; 2+3 clean "
        "for two of which the ledger does not say which did what."
    )
    steps: list[str] = Field(description="The source, or the cleaners.")
    lost: int = Field(description="Rows that it took away.")
    left: int = Field(description="Rows of all input files that were not lost by then.")
    losses: list[Loss] = Field(description="Why, the most frequent reason first.")
    findings: int = Field(
        description="Findings of it that are listed: those that no later cleaning repeats, and of "
        "the last cleaning also facts that cost no row."
    )
    told: bool = Field(
        description="False if its findings stand in a data set that was not at hand: then what the "
        "ledger says of them is listed."
    )


class Found(_Part):
    """Findings of one kind."""

    step: str
    code: str
    severity: str = Field(description="error, warning or info.")
    action: str = Field(description="What was done: flag (nothing), mask, drop or quarantine.")
    findings: int
    questions: int = Field(description="Questions that they are about, together.")


class Report(_Part):
    """Everything that a report says in numbers."""

    name: str = Field(description="Name of the folder.")
    digest: str = Field(description="Digest of its manifest: the identity of the data.")
    questions: int
    pictures: int
    shards: int
    seen: int = Field(description="Records of all input files.")
    dropped: int
    quarantined: int
    adds_up: bool = Field(description="Whether each file's rows are each in exactly one place.")
    balance: list[BalanceEntry]
    losses: list[Loss] = Field(description="Why rows were lost, the most frequent reason first.")
    history: list[Done] = Field(description="What each command did, the first one first.")
    findings: list[Found] = Field(description="Findings, the gravest first.")
    effects: Effects
    inputs: list[InputEntry]
    steps: list[StepEntry]
    lists: dict[str, int] = Field(
        description="The complete lists, which lie in the folder: rows by file name."
    )


class Reported(_Part):
    """A report, and the page that was written."""

    report: Report
    page: str = Field(description="Path of the page.")
    bytes: int = Field(description="Its size.")
    pictures: int = Field(description="Pictures of findings on the page.")
    pictures_named: int = Field(description="Pictures that findings name.")


def summary(shards: Shards, complete: Lists) -> Report:
    """Sum up a data set and its lists."""
    manifest = shards.manifest
    files = {manifest.ledger.file: sum(manifest.ledger.entries.values())}
    if any(file.file == FINDINGS for file in manifest.files):
        files[FINDINGS] = complete.own
    return Report(
        name=shards.folder.resolve().name,
        digest=shards.digest,
        questions=manifest.questions,
        pictures=manifest.pictures,
        shards=len(manifest.shards),
        seen=manifest.seen,
        dropped=manifest.dropped,
        quarantined=manifest.quarantined,
        adds_up=manifest.adds_up,
        balance=manifest.balance,
        losses=_losses(complete.lost),
        history=list(_history(complete, manifest.questions)),
        findings=_counted(complete.findings),
        effects=effects(shards, complete.lost),
        inputs=manifest.inputs,
        steps=manifest.steps,
        lists=files,
    )


def _losses(lost: pl.DataFrame) -> list[Loss]:
    import polars as pl

    by = ["step", "action", "reason"]
    counted = lost.group_by(by).agg(pl.len().alias("rows"))
    rows = counted.sort("rows", *by, descending=[True, False, False, False]).iter_rows()
    return [Loss(step=s, action=a, code=c, rows=n) for s, a, c, n in rows]


def _history(complete: Lists, kept: int) -> Iterator[Done]:
    import polars as pl

    left = kept + complete.lost.height
    for command in complete.commands:
        mine = pl.col("command") == command.name
        lost = complete.lost.filter(mine)
        left -= lost.height
        yield Done(
            name=command.name,
            steps=[step.name for step in command.steps],
            lost=lost.height,
            left=left,
            losses=_losses(lost),
            findings=complete.findings.filter(mine).height,
            told=command.name in complete.told or command.steps[0].step != "clean",
        )


def _counted(findings: pl.DataFrame) -> list[Found]:
    import polars as pl

    by = ["step", "code", "severity", "action"]
    counted = findings.group_by(by).agg(
        pl.len().cast(pl.Int64).alias("findings"), pl.col("questions").sum()
    )
    grave = pl.col("severity").replace_strict({s: n for n, s in enumerate(SEVERITIES)}, default=3)
    counted = counted.sort(grave, -pl.col("findings"), *by)
    return [Found(**row) for row in counted.iter_rows(named=True)]


def failures(report: Report, named: Iterable[str]) -> dict[str, int]:
    """How many findings each name of ``--fail-on`` stands for.

    Args:
        report: The report.
        named: Codes; or severities, each of which stands for the graver ones too.
    """
    codes, grave = Counter[str](), Counter[str]()
    for found in report.findings:
        codes[found.code] += found.findings
        level = SEVERITIES.index(found.severity) if found.severity in SEVERITIES else 0
        for severity in SEVERITIES[level:]:
            grave[severity] += found.findings
    return {name: grave[name] if name in SEVERITIES else codes[name] for name in named}
