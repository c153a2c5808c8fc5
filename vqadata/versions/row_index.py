"""The questions of a data set by number, with what identifies each and a digest of all it holds.

The index holds some hundred bytes a question and never a picture; records are read again from the
shards, some at a time, where their values are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from vqadata.record import Record
from vqadata.shards.reader import TEXT, Shards

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers

PICTURES = "pictures"
"""The field that stands for the bytes of a question's pictures: the list of their digests."""

FIELDS = (*Record.model_fields, PICTURES)
"""What a question holds."""

PLACE = ("file", "index", "part")
"""Where a question stood in the source."""


class RowIndex:
    """The questions of one data set.

    Args:
        shards: The data set.
        fields: What the digest of a question is taken of; some of :data:`FIELDS`.
    """

    def __init__(self, shards: Shards, fields: Sequence[str] = FIELDS) -> None:
        """Read nothing yet."""
        self._shards, self._fields = shards, list(fields)

    @cached_property
    def rows(self) -> pl.DataFrame:
        """One row a question, in reading order.

        Columns: ``row`` (its number), ``question_id``, ``file``, ``index``, ``part``, and
        ``digest`` (64 bits, good for a comparison within this process only).
        """
        import polars as pl

        return pl.concat([self.no_rows(), *map(self._identified, self._batches)]).with_row_index(
            "row"
        )

    @cached_property
    def pictures(self) -> pl.DataFrame:
        """The pictures that are there, each ``digest`` with the first ``path`` it has."""
        import polars as pl

        none = pl.DataFrame(schema={"path": pl.String, "digest": pl.String})
        frame = pl.concat([none, *map(_pictures, self._batches)])
        return frame.drop_nulls("digest").unique("digest", keep="first", maintain_order=True)

    @staticmethod
    def no_rows() -> pl.DataFrame:
        """A frame such as :attr:`rows`, without rows."""
        import polars as pl

        schema = {"question_id": pl.String, "file": pl.String, "index": pl.Int64, "part": pl.Int64}
        return pl.DataFrame(schema=schema | {"digest": pl.UInt64})

    def take(self, rows: Numbers) -> pl.DataFrame:
        """All that some questions hold: the columns :data:`FIELDS`.

        Args:
            rows: Numbers of the questions, in any order.
        """
        import numpy as np
        import polars as pl

        batch_of = np.searchsorted(self._stops, rows, side="right")
        order = np.argsort(batch_of, kind="stable")
        frames = []
        for number in np.unique(batch_of).tolist():
            chosen = rows[order][batch_of[order] == number]
            start = self._stops[number - 1] if number else 0
            frames.append(_questions(self._batches[number], self._fields, chosen - start))
        return pl.concat(frames)[np.argsort(order, kind="stable")]

    @cached_property
    def _batches(self) -> list[pa.RecordBatch]:
        """The batches, which are views into the files: no memory is held."""
        return list(self._shards.batches(TEXT))

    @cached_property
    def _stops(self) -> Numbers:
        """Number of the question after the last one of each batch."""
        import numpy as np

        counts = [b.questions for shard in self._shards.manifest.shards for b in shard.batches]
        stops: Numbers = np.cumsum(np.array(counts, np.int64))
        return stops

    def _identified(self, batch: pa.RecordBatch) -> pl.DataFrame:
        import polars as pl

        named = _questions(batch, ["question_id", "origin"])
        places = [pl.col("origin").struct.field(name) for name in PLACE]
        digest = _questions(batch, self._fields).hash_rows().alias("digest")
        return named.select("question_id", *places).with_columns(digest)


def _questions(
    batch: pa.RecordBatch, fields: Sequence[str], chosen: Numbers | None = None
) -> pl.DataFrame:
    """Some fields of the questions of a batch, of all or the chosen ones."""
    import polars as pl
    import pyarrow as pa
    import pyarrow.compute as pc

    nested = batch.column("questions")
    questions, rows = pc.list_flatten(nested), pc.list_parent_indices(nested)
    if chosen is not None:
        numbers = pa.array(chosen)
        questions, rows = questions.take(numbers), rows.take(numbers)
    columns = {name: pl.Series(name, questions.field(name)) for name in fields if name != PICTURES}
    if PICTURES in fields:
        facts = batch.column("image_facts")
        digests = pa.ListArray.from_arrays(facts.offsets, pc.struct_field(facts.values, "digest"))
        columns[PICTURES] = pl.Series(PICTURES, digests.take(rows))
    return pl.DataFrame(columns)


def _pictures(batch: pa.RecordBatch) -> pl.DataFrame:
    import polars as pl
    import pyarrow.compute as pc

    facts = pc.list_flatten(batch.column("image_facts"))
    return pl.DataFrame({name: pl.Series(facts.field(name)) for name in ("path", "digest")})
