"""Counts the questions of a data set by some of their fields, without holding the questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from vqadata.shards.reader import Shards

COUNT = "count"

HELD = 1 << 13
"""Rows that wait before they are added to those that were counted."""


def counted(shards: Shards, fields: Sequence[str]) -> pl.DataFrame:
    """The distinct values of some fields, in no order.

    Args:
        shards: The data set.
        fields: Names of record columns; columns of lists are none.

    Returns:
        These columns, and :data:`COUNT`: how many questions have those values.
    """
    import polars as pl

    whole: pl.DataFrame | None = None
    waiting: list[pl.DataFrame] = []
    for part in shards.question_parts(list(fields)):
        waiting.append(added_up(pl.DataFrame(part), fields))
        if sum(map(len, waiting)) > max(HELD, 0 if whole is None else len(whole)):
            whole, waiting = _joined(whole, waiting, fields), []
    return _joined(whole, waiting, fields)


def _joined(
    whole: pl.DataFrame | None, waiting: list[pl.DataFrame], fields: Sequence[str]
) -> pl.DataFrame:
    import polars as pl

    return added_up(pl.concat([*([] if whole is None else [whole]), *waiting]), fields)


def added_up(table: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Rows that are alike in some columns as one, with their number.

    Args:
        table: Rows; one without :data:`COUNT` is one question.
        fields: The columns.
    """
    import polars as pl

    count = pl.col(COUNT).sum() if COUNT in table.columns else pl.len().cast(pl.Int64).alias(COUNT)
    return table.group_by(*fields).agg(count)
