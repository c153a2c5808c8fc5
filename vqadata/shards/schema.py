"""The Arrow schema of a shard: one row a picture, its questions nested beside it.

A VQA picture has some five questions, so a row a question would store every picture five times
(measured: 5.0x the bytes, against 1.01x here). The unit of a row is the picture, or the ordered set
of pictures, that its questions ask about; all its questions have the same split.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from vqadata.images.header import Header
from vqadata.record import record_fields

if TYPE_CHECKING:
    import pyarrow as pa


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


def shard_schema() -> pa.Schema:
    """The schema of every shard.

    ``images`` is what Hugging Face ``datasets`` knows as a list of Image features; the schema's
    metadata says so, hence ``load_dataset("arrow", ...)`` gives decoded pictures.
    """
    import pyarrow as pa

    facts = pa.struct(
        [
            pa.field("digest", pa.string()),
            pa.field("bytes", pa.int64()),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
            pa.field("format", pa.string()),
            pa.field("mode", pa.string()),
        ]
    )
    image = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    return pa.schema(
        [
            pa.field("images", pa.list_(image)),
            pa.field("image_facts", pa.list_(facts)),
            pa.field("questions", pa.list_(pa.struct(record_fields()))),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": _datasets_features()}})},
    )


def picture_rows(
    pictures: Sequence[Sequence[Picture]], counts: Sequence[int], questions: pa.StructArray
) -> pa.RecordBatch:
    """Put pictures and their questions together as rows of a shard.

    Args:
        pictures: The pictures of each row.
        counts: How many of the questions belong to each row.
        questions: The questions of all rows, one after the other.
    """
    import pyarrow as pa

    schema = shard_schema()
    flat = [picture for row in pictures for picture in row]
    ends = pa.array([0, *accumulate(map(len, pictures))], pa.int32())
    offsets = pa.array([0, *accumulate(counts)], pa.int32())
    columns = [
        pa.ListArray.from_arrays(ends, _structs(flat, _image, schema.field("images").type)),
        pa.ListArray.from_arrays(ends, _structs(flat, _facts, schema.field("image_facts").type)),
        pa.ListArray.from_arrays(offsets, questions).cast(schema.field("questions").type),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


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
    return (picture.digest, size, *(picture.header or (None,) * 4))


def _datasets_features() -> dict[str, object]:
    """The features of ``datasets`` for this schema, in the form its files carry."""

    def value(kind: str) -> dict[str, object]:
        return {"dtype": kind, "_type": "Value"}

    def many(feature: object) -> dict[str, object]:
        return {"feature": feature, "_type": "List"}

    texts = dict.fromkeys(("digest", "format", "mode"), value("string"))
    facts = {"digest": texts["digest"], "bytes": value("int64"), "width": value("int32")}
    facts |= {"height": value("int32"), "format": texts["format"], "mode": texts["mode"]}
    return {
        "images": many({"_type": "Image"}),
        "image_facts": many(facts),
        "questions": many({field.name: _feature(field.type) for field in record_fields()}),
    }


def _feature(kind: pa.DataType) -> object:
    import pyarrow as pa

    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind.fields}
    names = {
        pa.string(): "string",
        pa.int64(): "int64",
        pa.float64(): "float64",
        pa.bool_(): "bool",
    }
    return {"dtype": names[kind], "_type": "Value"}
