"""Rows of shards as an export wants them: a picture set with the questions that ask about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.shards.reader import Shards

if TYPE_CHECKING:
    import pyarrow as pa

MISSING_PICTURE = "missing-picture"
UNREADABLE_PICTURE = "unreadable-picture"

WHOSE = ("question_id", "split", "origin")
"""Columns that say which question it is, for :meth:`~vqadata.exporting.outbox.Outbox.remark`."""

_EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif", "JPEG2000": "jp2"}


class StoredPicture(NamedTuple):
    """One picture as it lies in the shards."""

    path: str
    """As the source names it."""
    data: pa.Buffer | None
    """The file's bytes, unchanged and not copied; ``None`` where the picture is missing."""
    digest: str
    """xxh3-128 of the bytes; empty where the picture is missing."""
    format: str
    """Pillow's name of the format; empty where the header cannot be read."""

    @property
    def extension(self) -> str:
        """What a file of the format is called: ``jpg``, ``png`` ..."""
        return _EXTENSIONS.get(self.format, self.format.lower())

    @property
    def media_type(self) -> str:
        """The IANA media type: ``image/jpeg``, ``image/png`` ..."""
        kinds = {"jpg": "jpeg", "tif": "tiff"}
        return f"image/{kinds.get(self.extension, self.extension)}"


class PictureRow(NamedTuple):
    """One row of a shard."""

    split: str
    pictures: list[StoredPicture]
    """Empty for questions without a picture."""
    questions: list[dict[str, Any]]
    """Some columns of the canonical records; those of :data:`WHOSE` among them."""

    @property
    def fault(self) -> str | None:
        """Why the pictures cannot be shown to a model, or ``None``."""
        if any(picture.data is None for picture in self.pictures):
            return MISSING_PICTURE
        if not all(picture.format for picture in self.pictures):
            return UNREADABLE_PICTURE
        return None


def picture_rows(shards: Shards, columns: Sequence[str]) -> Iterator[PictureRow]:
    """Yield the rows of shards in order, a batch in memory at a time.

    Args:
        shards: The shards.
        columns: Columns of the records that are wanted, beside those of :data:`WHOSE`.
    """
    for split, batch in shards.split_batches():
        yield from batch_rows(split, batch, columns)


def batch_rows(split: str, batch: pa.RecordBatch, columns: Sequence[str]) -> Iterator[PictureRow]:
    """Yield the rows of one record batch; see :func:`picture_rows`."""
    wanted = list(dict.fromkeys([*WHOSE, *columns]))
    questions = iter(_chosen(batch.column("questions").flatten(), wanted).to_pylist())
    pictures = _pictures(batch)
    counts = zip(_lengths(batch, "images"), _lengths(batch, "questions"), strict=True)
    for shown, asked in counts:
        named = [next(pictures) for _ in range(shown)]
        yield PictureRow(
            split,
            [picture for picture in named if picture.path or picture.data is not None],
            [next(questions) for _ in range(asked)],
        )


def _chosen(questions: pa.StructArray, columns: list[str]) -> pa.StructArray:
    import pyarrow as pa

    return pa.StructArray.from_arrays([questions.field(name) for name in columns], names=columns)


def _lengths(batch: pa.RecordBatch, column: str) -> list[int]:
    lengths: list[int] = batch.column(column).value_lengths().to_pylist()
    return lengths


def _pictures(batch: pa.RecordBatch) -> Iterator[StoredPicture]:
    images, facts = batch.column("images").flatten(), batch.column("image_facts").flatten()
    described = zip(images.field("bytes"), images.field("path").to_pylist(), facts, strict=True)
    for data, path, fact in described:
        known = data.is_valid
        yield StoredPicture(
            path or "",
            data.as_buffer() if known else None,
            fact["digest"].as_py() or "",
            fact["format"].as_py() or "",
        )
