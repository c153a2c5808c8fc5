"""Brings the rows of two data sets side by side: who is who, and which are not the same.

A row is known by its question id. Where an id is repeated in one of the data sets, its rows are
known by their place in the source as well, and if that is repeated too, by their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vqadata.shards.reader import Shards
from vqadata.versions.row_index import PLACE, RowIndex

if TYPE_CHECKING:
    import polars as pl

CHUNK = 8192
"""Changed rows that are read again at a time."""


class MatchedRows(NamedTuple):
    """The rows of two data sets, by what became of them.

    The frames have the columns of :attr:`~vqadata.versions.row_index.RowIndex.rows`, in the order
    of reading.
    """

    a: RowIndex
    b: RowIndex
    added: pl.DataFrame
    """Rows of ``b`` that ``a`` does not hold."""
    removed: pl.DataFrame
    """Rows of ``a`` that ``b`` does not hold."""
    changed: pl.DataFrame
    """Rows of ``b`` that ``a`` holds with other values; ``row_a`` is their number there."""
    unchanged: int

    def changed_values(self) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]]:
        """Read changed rows again, :data:`CHUNK` at a time.

        Yields:
            Rows of :attr:`changed`, and the fields of each in ``a`` and in ``b``.

        Raises:
            ShardError: A shard is damaged.
        """
        for rows in self.changed.iter_slices(CHUNK):
            numbers = (rows[name].to_numpy().astype("int64") for name in ("row_a", "row"))
            yield rows, self.a.take(next(numbers)), self.b.take(next(numbers))


def match_rows(a: Shards, b: Shards, fields: Sequence[str]) -> MatchedRows:
    """Match the rows of two data sets and compare them by some fields.

    Folders whose manifests name the same shard files are equal, and are not read;
    :func:`~vqadata.shards.verify.verify` proves that they hold what the manifest says.

    Raises:
        ShardError: A shard is damaged.
    """
    ours, theirs = RowIndex(a, fields), RowIndex(b, fields)
    if same_files(a, b):
        none = ours.no_rows()
        return MatchedRows(ours, theirs, none, none, none, a.manifest.questions)
    left, right = _keyed(ours.rows, theirs.rows)
    both = right.join(
        left.select("key", row_a="row", digest_a="digest"),
        on="key", how="inner", maintain_order="left",
    )  # fmt: skip
    changed = both.filter(both["digest"] != both["digest_a"])
    return MatchedRows(
        ours, theirs,
        added=right.join(left, on="key", how="anti", maintain_order="left"),
        removed=left.join(right, on="key", how="anti", maintain_order="left"),
        changed=changed,
        unchanged=len(both) - len(changed),
    )  # fmt: skip


def same_files(a: Shards, b: Shards) -> bool:
    """Whether two folders hold the same shard files, by the digests of their manifests."""
    ours, theirs = ([shard.sha256 for shard in each.manifest.shards] for each in (a, b))
    return ours == theirs


def _keyed(a: pl.DataFrame, b: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both with a ``key`` that is unique in each."""
    import polars as pl

    named = pl.col("question_id")
    repeated = pl.concat(
        frame.filter(named.is_duplicated()).select(named).unique() for frame in (a, b)
    ).unique()["question_id"]
    if repeated.is_empty():
        return a.with_columns(key=named), b.with_columns(key=named)
    return _placed(a, repeated), _placed(b, repeated)


def _placed(frame: pl.DataFrame, repeated: pl.Series) -> pl.DataFrame:
    """With a key that tells rows of repeated ids apart by place, then by order."""
    import polars as pl

    named = pl.col("question_id")
    place = pl.concat_str(named, *PLACE, separator="\0", ignore_nulls=True)
    key = pl.when(named.is_in(repeated.implode())).then(place).otherwise(named)
    order = pl.int_range(pl.len()).over("key")
    return frame.with_columns(key=key).with_columns(
        key=pl.when(order > 0).then(pl.concat_str("key", order, separator="\0")).otherwise("key")
    )
