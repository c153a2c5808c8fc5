"""What the ledger of a folder says of some rows, and how often it says what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vqadata.ledger import KEPT, ledger_batches
from vqadata.shards.reader import Shards
from vqadata.versions.row_index import PLACE

if TYPE_CHECKING:
    import polars as pl

SAID = ("step", "action", "reason")
"""What an entry decided."""

WHY = (*SAID, "path", "found", "expected", "evidence")
"""What an entry says of its row; the row itself is left out."""


def reason_counts(shards: Shards) -> dict[tuple[str, str, str], int]:
    """Number of entries by step, action and reason, in the order of these."""
    import polars as pl

    parts = [part.group_by(SAID).len() for part in _entries(shards, list(SAID))]
    if not parts:
        return {}
    counted = pl.concat(parts).group_by(SAID).agg(pl.col("len").sum()).sort(SAID)
    return {(step, action, why): number for step, action, why, number in counted.iter_rows()}


def fates(shards: Shards, rows: pl.DataFrame) -> pl.DataFrame:
    """The entries by which some rows left a data set.

    An entry is that of a row if it names the same place in the source, or else the same id.

    Args:
        shards: The data set that does not hold the rows.
        rows: Columns ``question_id``, ``file``, ``index``, ``part``.

    Returns:
        ``rows`` with the columns :data:`WHY`, null where the ledger knows nothing.
    """
    import polars as pl

    rows = rows.with_row_index("_order")
    found = [_of_rows(part, rows) for part in _entries(shards, ["question_id", *PLACE, *WHY])]
    if not found or rows.is_empty():
        nothing = [pl.lit(None, pl.String).alias(name) for name in WHY]
        return rows.drop("_order").with_columns(nothing)
    # The better match first; of several entries the one that decided last.
    best = pl.concat(found).sort("_rank", maintain_order=True)
    best = best.group_by("_order", "_rank", maintain_order=True).last()
    best = best.unique("_order", keep="first", maintain_order=True).drop("_rank")
    return rows.join(best, on="_order", how="left", maintain_order="left").drop("_order")


def _of_rows(entries: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Which entry is about which row: columns ``_order``, ``_rank`` and :data:`WHY`."""
    import polars as pl

    gone = entries.filter(~pl.col("action").is_in(KEPT))
    placed = gone.join(rows, on=list(PLACE), nulls_equal=True, maintain_order="left")
    # An entry of the same place but another id is that of another file of the same name.
    known = pl.col("question_id")
    placed = placed.filter(known.is_null() | (known == pl.col("question_id_right")))
    named = gone.join(rows, on="question_id", maintain_order="left")
    return pl.concat(
        found.select("_order", pl.lit(rank).alias("_rank"), *WHY)
        for rank, found in enumerate([placed, named])
    )


def _entries(shards: Shards, columns: list[str]) -> Iterator[pl.DataFrame]:
    import polars as pl

    path = shards.ledger_path
    return (pl.DataFrame(batch) for batch in ledger_batches(path, columns))
