"""The side effect of a cleaning: what it did to the answers and the types, unasked.

Before is what is in the shards together with the rows that cleaners dropped, whose records the
ledger keeps; after is what is in the shards. Rows that never became records, because convert could
not read them, are in neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from vqadata.reports.counted import COUNT, added_up, counted
from vqadata.words.priors import Priors, priors

if TYPE_CHECKING:
    import polars as pl

    from vqadata.shards.reader import Shards

TOP = 12
"""Values that are listed; the rest is counted."""

FIELDS = ("answer", "answer_type", "question_type", "split")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Change(_Part):
    """How often one value was there, and is."""

    value: str
    before: int
    after: int


class Distribution(_Part):
    """What became of the values of one field."""

    field: str
    before: int = Field(description="Rows that had a value.")
    after: int = Field(description="Rows that have a value.")
    distinct_before: int
    distinct_after: int
    distance: float = Field(
        description="Total variation distance between before and after: the share of rows that "
        "would have to change their value to make the one of the other; 0 to 1."
    )
    top: list[Change] = Field(description="The most frequent values before.")


class Share(_Part):
    """What one reason took away."""

    step: str
    code: str
    rows: int = Field(description="Rows that it dropped.")
    distance: float = Field(
        description="Total variation distance of the answers, if nothing else had been dropped."
    )


class Effects(_Part):
    """The side effect of all cleaners on a data set."""

    before: int = Field(description="Rows before.")
    after: int = Field(description="Rows after.")
    distributions: list[Distribution]
    shares: list[Share]
    priors_before: Priors | None
    priors_after: Priors | None


def effects(shards: Shards, lost: pl.DataFrame) -> Effects:
    """The side effect of the cleaners.

    Args:
        shards: The data set.
        lost: Its rows that were lost, as :func:`vqadata.reports.lists.lists` gives them.
    """
    import polars as pl

    cleaners = [step.name for step in shards.manifest.steps if step.step == "clean"]
    fields = ("text", *FIELDS)
    after = counted(shards, fields)
    dropped = lost.filter(pl.col("step").is_in(cleaners) & (pl.col("action") == "dropped"))
    dropped = dropped.with_columns(pl.lit(1, pl.Int64).alias(COUNT))
    before = pl.concat([after, dropped.select(*fields, COUNT)])
    return Effects(
        before=int(before.get_column(COUNT).sum()),
        after=int(after.get_column(COUNT).sum()),
        distributions=[_distribution(before, after, field) for field in FIELDS],
        shares=_shares(before, dropped),
        priors_before=priors(before),
        priors_after=priors(after),
    )


def _distribution(before: pl.DataFrame, after: pl.DataFrame, field: str) -> Distribution:
    import polars as pl

    was, now = _counts(before, field, "before"), _counts(after, field, "after")
    both = was.join(now, on=field, how="full", coalesce=True).fill_null(0)
    top = both.sort("before", field, descending=[True, False]).head(TOP)
    return Distribution(
        field=field,
        before=int(was.get_column("before").sum()),
        after=int(now.get_column("after").sum()),
        distinct_before=was.height,
        distinct_after=now.height,
        distance=_distance(both.select(pl.col("before"), pl.col("after"))),
        top=[Change(value=v, before=b, after=a) for v, b, a in top.iter_rows()],
    )


def _shares(before: pl.DataFrame, dropped: pl.DataFrame) -> list[Share]:
    """What each reason alone would have done."""
    was = _counts(before, "answer", "before")
    shares = []
    for (step, code), rows in dropped.group_by("step", "reason"):
        gone = _counts(rows, "answer", "gone")
        both = was.join(gone, on="answer", how="left", maintain_order="left").fill_null(0)
        left = both.select("before", after=both["before"] - both["gone"])
        shares.append(
            Share(step=str(step), code=str(code), rows=rows.height, distance=_distance(left))
        )
    return sorted(shares, key=lambda share: (-share.rows, share.step, share.code))


def _counts(table: pl.DataFrame, field: str, name: str) -> pl.DataFrame:
    import polars as pl

    values = added_up(table.select(field, COUNT).drop_nulls(), [field])
    return values.select(field, pl.col(COUNT).alias(name)).sort(field)


def _distance(both: pl.DataFrame) -> float:
    """Total variation distance of two columns of counts."""
    one, other = (both.to_series(n).cast(float) for n in (0, 1))
    if not one.sum() or not other.sum():
        return 1.0 if one.sum() or other.sum() else 0.0
    return float((one / one.sum() - other / other.sum()).abs().sum()) / 2
