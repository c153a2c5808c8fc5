"""The two complete lists behind a report: what was found, and which rows were lost.

What the last cleaning found stands in ``findings.parquet``, a row a finding. What convert and
earlier cleanings did stands in the ledger alone; these entries are put in the same form, so that
nothing is in neither list.

Both files are written in step: a finding is followed by one ledger entry for each question that it
is about, unless it is a mere fact. So the last entries of the ledger are those of the findings, in
their order, and each lost row is told to which finding it belongs. A remark that a later cleaning
repeats is listed once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.findings import findings_schema
from vqadata.ledger import ledger_batches
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
    """Columns of :class:`vqadata.findings.Finding`; then ``file`` and ``index`` of the record, for
    entries of the ledger that have no finding of their own."""
    lost: pl.DataFrame
    """One row a lost row: columns :data:`PLACE`, :data:`WHY`, :data:`SAID`, ``raw`` (the record as
    it stood in its file) and ``finding``, the number of its finding."""
    own: int
    """How many of the findings stand in ``findings.parquet``: the first ones."""


def lists(shards: Shards) -> Lists:
    """Read the lists of a data set.

    Raises:
        ShardError: A file cannot be read.
    """
    import polars as pl

    own = _own(shards)
    followed = _followed(own)
    earlier = sum(shards.manifest.ledger.entries.values()) - len(followed)
    noted, lost, marks, place = _no_rows(), [_no_rows()], [_no_marks()], 0
    columns, parts = noted.columns, [noted]
    for part in entry_batches(shards):
        number = pl.int_range(place, place + part.height, dtype=pl.Int64, eager=True)
        numbered = part.with_columns(number.alias("_entry"))
        parts.append(numbered.filter(pl.col("_entry") < earlier).select(columns))
        lost.append(numbered.filter(pl.col("action").is_in(LOST)).select(columns))
        marks.append(_marks(numbered))
        place += part.height
    noted = pl.concat(parts).join(_repeated(pl.concat(marks)), on="_entry", how="anti")
    noted = noted.sort("_entry")
    numbers = [*noted.get_column("_entry"), *range(earlier, earlier + len(followed))]
    found = pl.DataFrame(
        {"_entry": numbers, "finding": [*range(own.height, own.height + noted.height), *followed]},
        schema={"_entry": pl.Int64, "finding": pl.Int64},
    )
    gone = pl.concat(lost).join(found, on="_entry", how="left", maintain_order="left")
    own = own.with_columns(file=pl.lit(None, pl.String), index=pl.lit(None, pl.Int64))
    return Lists(pl.concat([own, _as_findings(noted)]), gone.drop("_entry"), len(own))


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


def _own(shards: Shards) -> pl.DataFrame:
    """The findings of the last cleaning."""
    import polars as pl

    parts = [pl.DataFrame(findings_schema().empty_table())]
    for entry in shards.manifest.files:
        if entry.file == FINDINGS:
            parts += [pl.DataFrame(batch) for batch in ledger_batches(shards.file(entry))]
    return pl.concat(parts)


def _followed(own: pl.DataFrame) -> list[int]:
    """The number of the finding of each entry that the last cleaning wrote."""
    import polars as pl

    fact = (pl.col("severity") == "info") & (pl.col("action") == "flag")
    noted = own.with_row_index("_finding").filter(~fact)
    repeated = noted.select(pl.col("_finding").repeat_by("questions").explode(empty_as_null=False))
    return repeated.to_series().to_list()


def _no_rows() -> pl.DataFrame:
    import polars as pl

    schema = dict.fromkeys([*PLACE, *WHY, *SAID, "raw"], pl.String)
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
