"""Croissant: metadata that tells machines what a data set holds, and Parquet files that hold it.

Format: Croissant 1.1, https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html. The
readers of Croissant do not know Arrow IPC, so the questions are exported as Parquet; the record set
``questions`` runs over the files of all splits. Who made the data, when, and where it is found
cannot be known from the shards; so these are asked for.

The folder::

    croissant.json                       the metadata, JSON-LD
    data/train-00000-of-00002.parquet    one row a question, as the export huggingface writes it

Load with: ``mlcroissant.Dataset("OUT/croissant.json").records("questions")``
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from vqadata.exporting.collecting import Collection
from vqadata.exporting.outbox import Outbox, Part, file_bytes
from vqadata.layouts.card import COLUMN_WORDS, known_licence, note_licences
from vqadata.layouts.flat import flat_batches, flat_fields, flat_schema
from vqadata.layouts.parquet import ParquetFiles
from vqadata.shards.features import image_type
from vqadata.shards.reader import Shards
from vqadata.steps import Export

if TYPE_CHECKING:
    import pyarrow as pa

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"

RECORDS = "questions"
FILES = "parquet-files"

_TERMS = [
    "annotation", "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract",
    "field", "fileObject", "fileProperty", "fileSet", "format", "includes", "isArray",
    "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references",
    "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
    "unArchive", "value",
]  # fmt: skip

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
} | {name: f"cr:{name}" for name in _TERMS}
"""The context of the specification."""


class Croissant(Export):
    """Croissant 1.1: machine-readable metadata of a Parquet export beside it."""

    example: ClassVar[str] = (
        "vqadata export croissant shards -o described --name my-questions "
        "--url https://example.org/my-questions --creator 'A. Person' --published 2026-01-31"
    )

    name: str = Field(description="Name of the data set.")
    url: str = Field(description="Page of the data set.")
    creator: str = Field(description="Person or organisation that made it.")
    published: str = Field(
        description="Day on which it was published, as 2026-01-31.", pattern=r"^\d{4}-\d\d-\d\d$"
    )
    description: str = Field(
        "Questions about pictures, with their answers.", description="What the data set is."
    )
    licence: str | None = Field(
        None, description="Licence or its URL; by default the one that the rows name, if it is one."
    )
    data_version: str = Field("1.0.0", description="Version of the data set.")
    shard_mb: int = Field(500, ge=1, description="Megabytes after which a Parquet file is closed.")

    def write(self, shards: Shards, outbox: Outbox) -> None:
        """Write Parquet files; see :class:`~vqadata.steps.Export`."""
        files = ParquetFiles(outbox, flat_schema(), self.shard_mb)
        for split, batch in flat_batches(shards, outbox):
            files.write(split, batch)
        files.finish()
        note_licences(shards, outbox)

    @property
    def piece_bytes(self) -> int:
        """That of a file."""
        return file_bytes(self.shard_mb)

    def finish(self, shards: Shards, collection: Collection) -> None:  # noqa: ARG002 - not asked for here
        """Write what describes the files."""
        document = {
            "@context": _CONTEXT,
            "@type": "sc:Dataset",
            "conformsTo": CONFORMS_TO,
            "name": self.name,
            "description": self.description,
            "url": self.url,
            "license": self.licence or known_licence(collection) or "unknown",
            "creator": {"@type": "sc:Person", "name": self.creator},
            "datePublished": self.published,
            "version": self.data_version,
            "distribution": _distribution(collection.parts),
            "recordSet": [_record_set(flat_fields())],
        }
        text = json.dumps(document, indent=1, ensure_ascii=False)
        (collection.folder / "croissant.json").write_text(text + "\n", encoding="utf-8")


def _distribution(parts: list[Part]) -> list[dict[str, Any]]:
    """Each file with its digest, and all of them as one set."""
    media_type = "application/x-parquet"
    files = [
        {
            "@type": "cr:FileObject",
            "@id": part.path,
            "name": part.path.rpartition("/")[2],
            "contentUrl": part.path,
            "contentSize": f"{part.bytes} B",
            "encodingFormat": media_type,
            "sha256": part.sha256,
        }
        for part in parts
    ]
    together = {
        "@type": "cr:FileSet",
        "@id": FILES,
        "name": FILES,
        "encodingFormat": media_type,
        "includes": "data/*.parquet",
    }
    return [*files, together]


def _record_set(fields: list[pa.Field]) -> dict[str, Any]:
    """The record set: a question with all its columns."""
    return {
        "@type": "cr:RecordSet",
        "@id": RECORDS,
        "name": RECORDS,
        "description": "One question about one picture, or several, with its answers.",
        "key": {"@id": f"{RECORDS}/question_id"},
        "field": [_field(field) for field in fields],
    }


def _field(field: pa.Field, within: str = RECORDS, path: str = "") -> dict[str, Any]:
    """A column, or a member of one.

    Args:
        field: The column, or the member.
        within: The ``@id`` of what holds it.
        path: The member's name, where it is one.
    """
    import pyarrow as pa

    many = pa.types.is_list(field.type)
    kind = field.type.value_type if many else field.type
    identity = f"{within}/{field.name}"
    described: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": identity,
        "name": field.name,
        "description": COLUMN_WORDS.get(identity.partition("/")[2], field.name),
    }
    if many:
        described["repeated"] = True
    if kind != image_type() and pa.types.is_struct(kind):
        return described | {"subField": [_field(part, identity, part.name) for part in kind.fields]}
    source: dict[str, Any] = {"fileSet": {"@id": FILES}}
    source["extract"] = {"column": identity.split("/")[1]}
    if path or kind == image_type():
        source["transform"] = {"jsonPath": path or "bytes"}
    return described | {"dataType": _data_type(kind), "source": source}


def _data_type(kind: pa.DataType) -> str:
    import pyarrow as pa

    names = {
        image_type(): "sc:ImageObject",
        pa.int64(): "sc:Integer",
        pa.float64(): "sc:Float",
        pa.bool_(): "sc:Boolean",
    }
    return names.get(kind, "sc:Text")
