"""The two complete lists behind a report: what was found, and which rows were lost.

What the last cleaning found stands in ``findings.parquet``, a row a finding; what an earlier one
found stands in that of the data set which it wrote, if that is at hand. All else stands in the
ledger alone; these entries are put in the same form, so that nothing is in neither list.

Both files are written in step: a finding is followed by one ledger entry for each question that it
is about, unless it is a mere fact. So the last entries of a ledger are those of the findings, in
their order, and each lost row is told to which finding it belongs. A remark that a later cleaning
repeats is listed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.cleaning.findings import findings_schema
from vqadata.ledger import ledger_batches
from vqadata.reports.history import (
    Command,
    ancestors,
    command_of,
    commands,
    entries,
    last_command,
)
from vqadata.shards.manifest import FINDINGS

if TYPE_CHECKING:
    import polars as pl

    from vqadata.shards.reader import Shards

GRAVITY = {"quarantined": "error", "dropped": "error", "flagged": "warning", "masked": "warning"}
"""How grave an entry of the ledger is that has no finding of its own, by action."""

DEEDS = {"quarantined": "quarantine", "dropped": "drop", "flagged": "flag", "masked": "mask"}
"""What the findings call what the ledger says was done."""

PLACE = ("step", "action", "reason", "question_id", "file", "index", "part")
WHY = ("path", "found", "expected", "evidence")
SAID = ("text", "answer", "image_path", "split", "answer_type", "question_type")
"""What of the canonical record in an entry is read."""

LOST = ("dropped", "quarantined")


class Lists(NamedTuple):
    """The complete lists of a data set."""

    findings: pl.DataFrame
    """Columns of :class:`vqadata.cleaning.findings.Finding`; then ``command``, the name of what
    found it; ``file`` and ``index`` of the record, for entries of the ledger that have no finding
    of their own."""
    lost: pl.DataFrame
    """One row a lost row: columns :data:`PLACE`, :data:`WHY`, :data:`SAID`, ``raw`` (the record as
    it stood in its file), ``command`` and ``finding``, the number of its finding."""
    own: int
    """How many of the findings stand in ``findings.parquet``: the first ones."""
    commands: list[Command]
    """Those that made the data set, the first one first."""
    told: set[str]
    """Names of the commands whose own findings are listed."""


def lists(shards: Shards, others: Sequence[Shards] = ()) -> Lists:
    """Read the lists of a data set.

    Args:
        shards: The data set.
        others: Data sets among which are some that it was made of.

    Raises:
        ShardError: A file cannot be read.
    """
    import polars as pl

    told = [_told(one) for one in (shards, *reversed(ancestors(shards, others)))]
    made = commands([(one.shards, one.entries.height) for one in reversed(told)])
    noted, lost, marks = _read(shards, made, told)
    repeated = _repeated(marks).filter(pl.col("_entry") < entries(shards) - told[0].entries.height)
    findings, found = _joined(told, made, repeated)
    noted = noted.join(repeated, on="_entry", how="anti", maintain_order="left")
    rest = noted.select("_entry", finding=pl.int_range(pl.len()) + findings.height)
    lost = lost.join(pl.concat([found, rest]), on="_entry", how="left", maintain_order="left")
    return Lists(
        findings=pl.concat([findings, _as_findings(noted)], how="diagonal"),
        lost=lost.drop("_entry"),
        own=told[0].findings.height,
        commands=made,
        told={one.command(made) for one in told},
    )


class _Told(NamedTuple):
    """What one data set of the history says of the cleaning that wrote it."""

    shards: Shards
    findings: pl.DataFrame
    entries: pl.DataFrame
    """``_entry``, a number of the ledger, and ``_row``, that of the finding which wrote it."""

    def command(self, made: Sequence[Command]) -> str:
        """The command that wrote the data set."""
        return last_command(made, self.shards)


def _told(shards: Shards) -> _Told:
    import polars as pl

    findings, end = _findings(shards), entries(shards)
    followed = _followed(findings)
    numbers = {"_entry": range(end - len(followed), end), "_row": followed}
    return _Told(shards, findings, pl.DataFrame(numbers, schema=dict.fromkeys(numbers, pl.Int64)))


def _joined(
    told: Sequence[_Told], made: Sequence[Command], repeated: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The findings of all cleanings, and the finding of each entry.

    Of those before the last one, findings that a later one repeats are left out, and mere facts,
    of which nobody knows whether they still hold.

    Args:
        told: The findings of each cleaning, the last one first.
        made: The commands.
        repeated: Entries that a later cleaning repeats.
    """
    import polars as pl

    number, place = pl.int_range(pl.len(), dtype=pl.Int64), ["_told", "_row"]
    findings = pl.concat(
        one.findings.with_columns(number.alias("_row"), _told=k, command=pl.lit(one.command(made)))
        for k, one in enumerate(told)
    )
    noted = pl.concat(one.entries.with_columns(_told=k) for k, one in enumerate(told))
    alive = noted.join(repeated, on="_entry", how="anti")
    last = findings.filter(pl.col("_told") == 0)
    stay = pl.concat([last.select(place), alive.select(place)]).unique()
    findings = findings.join(stay, on=place, how="semi", maintain_order="left")
    found = noted.join(findings.with_columns(finding=number), on=place)
    return findings.drop(place), found.select("_entry", "finding")


def _read(
    shards: Shards, made: Sequence[Command], told: Sequence[_Told]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The entries that have no finding of their own, the lost ones, and the marks of all."""
    import polars as pl

    noted, lost, marks, place = [_no_rows()], [_no_rows()], [_no_marks()], 0
    columns, own = noted[0].columns, pl.concat([one.entries for one in told])
    for part in entry_batches(shards):
        number = pl.int_range(place, place + part.height, dtype=pl.Int64, eager=True)
        numbered = part.with_columns(number.alias("_entry")).with_columns(command_of(made))
        noted.append(numbered.join(own, on="_entry", how="anti").select(columns))
        lost.append(numbered.filter(pl.col("action").is_in(LOST)).select(columns))
        marks.append(_marks(numbered))
        place += part.height
    return pl.concat(noted).sort("_entry"), pl.concat(lost), pl.concat(marks)


def _no_marks() -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(schema={"_entry": pl.Int64, "said": pl.UInt64})


def _marks(entries: pl.DataFrame) -> pl.DataFrame:
    """What is said of rows that are kept, by a hash."""
    import polars as pl

    kept = entries.filter(~pl.col("action").is_in(LOST))
    return kept.select("_entry", pl.struct(*PLACE, *WHY).hash().alias("said"))


def _repeated(marks: pl.DataFrame) -> pl.DataFrame:
    """The entries that a later cleaning repeats word by word."""
    import polars as pl

    return marks.filter(pl.col("_entry") != pl.col("_entry").max().over("said"))


def _findings(shards: Shards) -> pl.DataFrame:
    """The findings of the cleaning that wrote a data set."""
    import polars as pl

    parts = [pl.DataFrame(findings_schema().empty_table())]
    for entry in shards.manifest.files:
        if entry.file == FINDINGS:
            parts += [pl.DataFrame(batch) for batch in ledger_batches(shards.file(entry))]
    return pl.concat(parts)


def _followed(findings: pl.DataFrame) -> list[int]:
    """The number of the finding of each entry that a cleaning wrote."""
    import polars as pl

    fact = (pl.col("severity") == "info") & (pl.col("action") == "flag")
    noted = findings.with_row_index("_finding").filter(~fact)
    repeated = noted.select(pl.col("_finding").repeat_by("questions").explode(empty_as_null=False))
    return repeated.to_series().to_list()


def _no_rows() -> pl.DataFrame:
    import polars as pl

    schema = dict.fromkeys([*PLACE, *WHY, *SAID, "raw", "command"], pl.String)
    return pl.DataFrame(schema=schema | dict.fromkeys(["index", "part", "_entry"], pl.Int64))


def _as_findings(entries: pl.DataFrame) -> pl.DataFrame:
    """Entries of the ledger in the form of findings."""
    import polars as pl

    action, nothing = pl.col("action"), pl.lit(None, pl.String)
    return entries.select(
        "step",
        pl.col("reason").alias("code"),
        action.replace_strict(GRAVITY, return_dtype=pl.String).alias("severity"),
        action.replace_strict(DEEDS, return_dtype=pl.String).alias("action"),
        nothing.alias("digest"),
        pl.col("image_path").alias("path"),
        pl.col("split").fill_null(""),
        "question_id",
        pl.lit(1, pl.Int64).alias("questions"),
        in_words().alias("evidence"),
        nothing.alias("details"),
        "command",
        "file",
        "index",
    )


def in_words() -> pl.Expr:
    """Place, found, expected and evidence of an entry as one text; null if it says nothing."""
    import polars as pl

    said = pl.concat_str(
        pl.lit("at ") + pl.col("path"),
        pl.lit("found ") + pl.col("found"),
        pl.lit("expected ") + pl.col("expected"),
        pl.col("evidence"),
        separator="; ",
        ignore_nulls=True,
    )
    return pl.when(said != "").then(said)


def entry_batches(shards: Shards) -> Iterator[pl.DataFrame]:
    """The ledger, a chunk at a time, with the members :data:`SAID` of the records in it."""
    import polars as pl

    for batch in ledger_batches(shards.ledger_path, [*PLACE, *WHY, "raw"]):
        entries = pl.DataFrame(batch)
        records = [_record(raw) for raw in entries.get_column("raw")]
        said = pl.DataFrame(records, schema=dict.fromkeys(SAID, pl.String), orient="row")
        yield pl.concat([entries, said], how="horizontal")


def _record(raw: str | None) -> tuple[Any, ...]:
    """What an entry's record says; nulls where it is none, or not a canonical one."""
    import msgspec

    try:
        record = msgspec.json.decode(raw or "null")
    except msgspec.DecodeError:
        record = None
    if not isinstance(record, dict) or "origin" not in record:
        return (None,) * len(SAID)
    values = (record.get(name) for name in SAID)
    return tuple(value if isinstance(value, str) else None for value in values)
