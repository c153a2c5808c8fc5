"""One row a question, with its pictures and all columns of the canonical record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vqadata.exporting.outbox import Outbox
from vqadata.exporting.rows import UNREADABLE_PICTURE, batch_rows
from vqadata.layouts.parquet import GROUP_BYTES, GROUP_ROWS
from vqadata.record import record_fields
from vqadata.shards.features import features_metadata, image_type
from vqadata.shards.reader import Shards

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers


def flat_fields() -> list[pa.Field]:
    """The columns: ``image``, ``more_images``, and those of the canonical record."""
    import pyarrow as pa

    pictures = [pa.field("image", image_type()), pa.field("more_images", pa.list_(image_type()))]
    return [*pictures, *record_fields()]


def flat_schema() -> pa.Schema:
    """The schema of the rows, which ``datasets`` reads with decoded pictures."""
    import pyarrow as pa

    return pa.schema(flat_fields(), metadata=features_metadata(flat_fields()))


def flat_batches(shards: Shards, outbox: Outbox) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield the rows of all questions with their split, each batch fit for a row group.

    Questions whose pictures cannot be read are left out; those without pictures have a null.
    """
    for split, batch in shards.split_batches():
        readable = _readable(split, batch, outbox)
        for part in _cut(readable):
            outbox.deliver(split, part.num_rows, part.num_rows)
            yield split, part


def _readable(split: str, batch: pa.RecordBatch, outbox: Outbox) -> pa.RecordBatch:
    """The picture rows without those that have a picture of which not even the header is read."""
    import pyarrow as pa

    formats = batch.column("image_facts").flatten().field("format")
    known = batch.column("images").flatten().field("bytes").is_valid()
    if not pa.compute.any(pa.compute.and_(known, formats.is_null())).as_py():
        return batch
    stay = []
    for row in batch_rows(split, batch, ()):
        stay.append(row.fault != UNREADABLE_PICTURE)
        if not stay[-1]:
            outbox.leave_out(UNREADABLE_PICTURE, row.questions)
    return batch.filter(pa.array(stay))


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The questions as rows of their own, in parts of bounded size."""
    import numpy as np
    import pyarrow.compute as pc

    parents: Numbers = pc.list_parent_indices(batch.column("questions")).to_numpy()
    sizes = np.array([_picture_bytes(row) for row in batch.column("image_facts")], np.int64)
    start = 0
    while start < len(parents):
        ends = np.cumsum(sizes[parents[start : start + GROUP_ROWS]])
        rows = max(1, int(np.searchsorted(ends, GROUP_BYTES, side="right")))
        yield _flat(batch, parents[start : start + rows], start)
        start += rows


def _picture_bytes(facts: pa.ListScalar) -> int:
    return sum(fact["bytes"] or 0 for fact in facts.as_py() or ())


def _flat(batch: pa.RecordBatch, parents: Numbers, start: int) -> pa.RecordBatch:
    """Some questions, each with its pictures."""
    import pyarrow as pa

    images = batch.column("images").take(pa.array(parents))
    questions = batch.column("questions").flatten().slice(start, len(parents))
    first, more = _first_and_more(images)
    columns = [first, more, *(questions.field(field.name) for field in record_fields())]
    return pa.RecordBatch.from_arrays(columns, schema=flat_schema())


def _first_and_more(images: pa.ListArray) -> tuple[pa.StructArray, pa.ListArray]:
    """The first picture of each row, null where there is none, and the others."""
    import numpy as np
    import pyarrow as pa

    offsets = images.offsets.to_numpy().astype(np.int64)
    starts, lengths = offsets[:-1], np.diff(offsets)
    values = images.values
    first = values.take(pa.array(starts, mask=lengths == 0))
    first = _nulled(first)
    ends = np.concatenate([[0], np.cumsum(np.maximum(lengths - 1, 0))])
    if not ends[-1]:
        return first, pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values.slice(0, 0))
    inner = np.ones(len(values), bool)
    inner[: offsets[0]] = inner[offsets[-1] :] = False
    inner[starts[lengths > 0]] = False
    others = values.filter(pa.array(inner))
    return first, pa.ListArray.from_arrays(pa.array(ends, pa.int32()), others)


def _nulled(images: pa.StructArray) -> pa.StructArray:
    """Null for a picture without bytes: a path alone would be looked up on the reader's disk."""
    import pyarrow as pa

    data = images.field("bytes")
    if not data.null_count:
        return images
    names = [images.field("bytes"), images.field("path")]
    return pa.StructArray.from_arrays(names, fields=list(images.type.fields), mask=data.is_null())
