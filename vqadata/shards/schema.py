"""The Arrow schema of a shard: one row a picture, its questions nested beside it.

A VQA picture has some five questions, so a row a question would store every picture five times
(measured: 5.0x the bytes, against 1.01x here). The unit of a row is the picture, or the ordered set
of pictures, that its questions ask about; all its questions have the same split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.errors import VqaDataError
from vqadata.images.header import Header
from vqadata.record import record_fields
from vqadata.shards.features import features_metadata, image_type

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers


MOST_BYTES = (1 << 31) - 1
"""Bytes of pictures that a record batch can hold, by its offsets of 32 bits."""

IMAGES = "images"
"""The column of encoded pictures. It is the last one, so that all others lie together before it."""


class Picture(NamedTuple):
    """One picture of a row."""

    path: str
    """Relative to its image root, with slashes."""
    data: bytes | None
    """The file's bytes, unchanged; ``None`` where the file is missing."""
    digest: str | None
    """xxh3-128 of the bytes, hexadecimal."""
    header: Header | None
    """``None`` where the header cannot be read."""
    rule: str | None = None
    """How the file was found: a :data:`~vqadata.images.resolve.Rule`."""


@cache
def shard_schema() -> pa.Schema:
    """The schema of every shard.

    ``images`` is what Hugging Face ``datasets`` knows as a list of Image features; the schema's
    metadata says so, hence ``load_dataset("arrow", ...)`` gives decoded pictures. (Only with
    offsets of 32 bits: a record batch is closed long before it holds 2 GiB.)
    """
    import pyarrow as pa

    facts = pa.struct(
        [
            pa.field("path", pa.string()),
            pa.field("digest", pa.string()),
            pa.field("bytes", pa.int64()),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
            pa.field("format", pa.string()),
            pa.field("mode", pa.string()),
            pa.field("rule", pa.string()),
        ]
    )
    fields = [
        pa.field("image_facts", pa.list_(facts)),
        pa.field("questions", pa.list_(pa.struct(record_fields()))),
        pa.field(IMAGES, pa.list_(image_type())),
    ]
    return pa.schema(fields, metadata=features_metadata(fields))


def picture_rows(
    pictures: Sequence[Sequence[Picture]], counts: Sequence[int], questions: pa.StructArray
) -> pa.RecordBatch:
    """Put pictures and their questions together as rows of a shard.

    Args:
        pictures: The pictures of each row.
        counts: How many of the questions belong to each row.
        questions: The questions of all rows, one after the other.

    Raises:
        VqaDataError: One row has more bytes of pictures than a record batch can hold.
    """
    import pyarrow as pa

    schema = shard_schema()
    flat = [picture for row in pictures for picture in row]
    _refuse_huge(flat)
    ends = pa.array([0, *accumulate(map(len, pictures))], pa.int32())
    offsets = pa.array([0, *accumulate(counts)], pa.int32())
    columns = [
        pa.ListArray.from_arrays(ends, _structs(flat, _facts, schema.field("image_facts").type)),
        pa.ListArray.from_arrays(offsets, questions).cast(schema.field("questions").type),
        pa.ListArray.from_arrays(ends, _structs(flat, _image, schema.field(IMAGES).type)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _refuse_huge(pictures: list[Picture]) -> None:
    """Say it where the offsets of a batch would not suffice."""
    size = sum(len(picture.data or b"") for picture in pictures)
    if size > MOST_BYTES:
        largest = max(pictures, key=lambda picture: len(picture.data or b""))
        raise VqaDataError(
            largest.path, f"with the pictures of its record it has {size:,} bytes",
            f"at most {MOST_BYTES:,} bytes of pictures a record", "Use smaller pictures.",
        )  # fmt: skip


def rows_with(batch: pa.RecordBatch, questions: pa.StructArray, rows: Numbers) -> pa.RecordBatch:
    """The picture rows of a batch with other questions; a row without questions is left out.

    Args:
        batch: Picture rows.
        questions: Their new questions, one after the other.
        rows: Row of each question in the batch, ascending.
    """
    import numpy as np
    import pyarrow as pa

    counts = np.bincount(rows, minlength=batch.num_rows)
    ends = pa.array(np.concatenate([[0], np.cumsum(counts[counts > 0])]), pa.int32())
    asked = pa.array(counts > 0)
    schema = shard_schema()
    nested = pa.ListArray.from_arrays(ends, questions).cast(schema.field("questions").type)
    facts, images = (batch.column(name).filter(asked) for name in ("image_facts", IMAGES))
    return pa.RecordBatch.from_arrays([facts, nested, images], schema=schema)


def narrowed(lists: pa.ListArray, *names: str) -> pa.ListArray:
    """The structs in a column of lists with some of their members alone, which copies nothing.

    Args:
        lists: Such as the column ``questions`` of picture rows; perhaps a slice of it.
        names: Of the members.
    """
    import pyarrow as pa

    flat, offsets = lists.flatten(), lists.offsets.to_numpy()
    some = pa.StructArray.from_arrays([flat.field(name) for name in names], names)
    return pa.ListArray.from_arrays(pa.array(offsets - offsets[0]), some)


def members(lists: pa.ListArray, *names: str) -> list[list[dict[str, Any]]]:
    """Some members of the structs in a column of lists: the others cost nothing."""
    found: list[list[dict[str, Any]]] = narrowed(lists, *names).to_pylist()
    return found


def with_pictures(
    batch: pa.RecordBatch, images: list[list[Any]], facts: list[list[Any]]
) -> pa.RecordBatch:
    """The rows of a batch with other pictures: lists of members by name, a list a row."""
    import pyarrow as pa

    schema = shard_schema()
    columns = [
        pa.array(facts, schema.field("image_facts").type),
        batch.column("questions"),
        pa.array(images, schema.field(IMAGES).type),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def bare_rows(
    names: pa.StringArray, offsets: pa.Int32Array, questions: pa.StructArray
) -> pa.RecordBatch:
    """Put questions together whose pictures are missing: :func:`picture_rows` of names alone.

    Args:
        names: The one picture of each row.
        offsets: Where the questions of each row begin, and where the last ones end.
        questions: The questions of all rows, one after the other.
    """
    import numpy as np
    import pyarrow as pa

    schema, count = shard_schema(), len(names)
    ends = pa.array(np.arange(count + 1), pa.int32())
    nested = pa.ListArray.from_arrays(offsets, questions)
    columns = {"questions": nested.cast(schema.field("questions").type)}
    for name in ("image_facts", IMAGES):
        kind = schema.field(name).type
        fields = list(kind.value_type.fields)
        parts = [names if field.name == "path" else pa.nulls(count, field.type) for field in fields]
        pictures = pa.StructArray.from_arrays(parts, fields=fields)
        columns[name] = pa.ListArray.from_arrays(ends, pictures, type=kind)
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _structs(
    pictures: list[Picture], members: Callable[[Picture], tuple[object, ...]], kind: pa.ListType
) -> pa.StructArray:
    import pyarrow as pa

    fields = list(kind.value_type.fields)
    values = zip(*map(members, pictures), strict=True) if pictures else [()] * len(fields)
    parts = [pa.array(v, f.type) for v, f in zip(map(list, values), fields, strict=True)]
    return pa.StructArray.from_arrays(parts, fields=fields)


def _image(picture: Picture) -> tuple[object, ...]:
    return picture.data, picture.path


def picture_bytes(batch: pa.RecordBatch) -> int:
    """Bytes of all pictures of some rows."""
    import pyarrow.compute as pc

    sizes = pc.struct_field(pc.list_flatten(batch.column("image_facts")), "bytes")
    return pc.sum(sizes).as_py() or 0


def _facts(picture: Picture) -> tuple[object, ...]:
    size = None if picture.data is None else len(picture.data)
    return (picture.path, picture.digest, size, *(picture.header or (None,) * 4), picture.rule)
