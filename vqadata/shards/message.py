"""The bytes of one record batch: their two segments, their digests, and the rows in them.

A record batch is one message of the Arrow IPC format, made of its metadata and the buffers of the
columns in their order. The column of pictures is the last one, so the message falls into a *text*
segment (metadata, questions, facts of the pictures) and a *pictures* segment. Each has a digest of
its own: whoever wants the questions reads and checks some hundredth of the bytes.

Rows are read from the place that the manifest gives, never by the footer of the file, so that every
byte on which a row depends was checked before.

Format: https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from vqadata.groundwork.digests import bytes_digest
from vqadata.shards.manifest import BatchEntry
from vqadata.shards.schema import IMAGES, shard_schema

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"ARROW1\0\0"
"""The first bytes of an Arrow IPC file."""


class MessageError(ValueError):
    """Bytes that are not those of a batch; says what was found and what was expected."""

    def __init__(self, found: str, expected: str) -> None:
        """Keep both parts."""
        self.found, self.expected = found, expected
        super().__init__(f"{found}; expected {expected}")


def head_length() -> int:
    """Bytes of a shard before its first batch: the magic and the schema."""
    return len(MAGIC) + int(shard_schema().serialize().size)


def segment_lengths(batch: pa.RecordBatch) -> tuple[int, int]:
    """Bytes of the two segments that the message of ``batch`` will have: text and pictures."""
    import pyarrow as pa

    whole = int(pa.ipc.get_record_batch_size(batch))
    images = batch.select([IMAGES])
    pictures = int(pa.ipc.get_record_batch_size(images)) - _metadata_length(images.schema)
    return whole - pictures, pictures


@cache
def _metadata_length(schema: pa.Schema) -> int:
    """Bytes before the buffers in a message with rows; they depend on the schema alone."""
    import pyarrow as pa

    row = pa.RecordBatch.from_arrays(
        [pa.nulls(1, field.type) for field in schema], names=schema.names
    )
    message = row.serialize()
    return 8 + int.from_bytes(message[4:8], "little")


class Segments(NamedTuple):
    """Which segments of a message are meant."""

    text: bool
    pictures: bool


def checked_rows(message: pa.Buffer, entry: BatchEntry, check: Segments) -> pa.RecordBatch:
    """The rows of a message, as views of its bytes.

    Args:
        message: All bytes of the message; those of the pictures segment may be anything if nobody
            looks at the column of pictures.
        entry: What the manifest says of it.
        check: The segments to be compared with the manifest. Beyond the digests it is checked that
            no offset leads out of its column, and no text out of its segment: bytes may be what the
            manifest says, and yet be ill-made.

    Raises:
        MessageError: They differ, or are no rows of a shard.
    """
    import pyarrow as pa

    _check_digests(memoryview(message), entry, check)
    try:
        read = pa.ipc.read_message(pa.BufferReader(message))
        batch = pa.ipc.read_record_batch(read, shard_schema())
        if check.text:
            _check_text(batch.drop_columns([IMAGES]), message.address + entry.text_length)
        if check.pictures:
            batch.column(IMAGES).validate(full=True)
    except (pa.ArrowException, OSError) as error:
        problem = " ".join(str(error).split())[:120]
        raise MessageError(f"not readable: {problem}", "a record batch of the schema") from None
    if batch.num_rows != entry.pictures:
        raise MessageError(f"it has {batch.num_rows} rows", f"{entry.pictures}")
    return batch


def _check_digests(message: memoryview, entry: BatchEntry, check: Segments) -> None:
    cut = entry.text_length
    for wanted, name, data, expected in (
        (check.text, "text", message[:cut], entry.text_xxh3),
        (check.pictures, "pictures", message[cut:], entry.pictures_xxh3),
    ):
        if wanted and (found := bytes_digest(data)) != expected:
            raise MessageError(f"its {name} segment has digest {found}", expected)


def check_around_pictures(batch: pa.RecordBatch, message: pa.Buffer, text_length: int) -> None:
    """Check all of the pictures segment but the pictures: by their facts, which were checked.

    For who leaves that segment unread until a picture of it is wanted: what remains to be checked
    then are the bytes of that picture, by the digest in its facts.

    Args:
        batch: Rows whose text segment was compared with the manifest.
        message: The bytes that they are views of.
        text_length: Bytes of its text segment.

    Raises:
        MessageError: They differ.
    """
    import pyarrow as pa

    images, facts = batch.column(IMAGES), batch.column("image_facts")
    names, known = images.values.field("path"), facts.values.field("path")
    try:
        images.validate()
        names.validate(full=True)  # Arrow follows offsets blindly when it compares.
    except pa.ArrowInvalid as error:
        raise MessageError(f"its pictures are not readable: {error}", "a list a row") from None
    if not images.offsets.equals(facts.offsets):
        raise MessageError("its pictures are not as many as its facts", "the same for each row")
    if not names.equals(known):
        _check_names(names, known, facts.values.field("format"))
    _check_missing(images.values.field("bytes"), facts.values.field("digest"))
    _check_between(images, memoryview(message)[text_length:], message.address + text_length)


def _check_missing(pictures: pa.Array, digests: pa.Array) -> None:
    if pictures.null_count == digests.null_count == 0:
        return
    if not pictures.is_valid().equals(digests.is_valid()):
        raise MessageError("its missing pictures are not those of its facts", "the same ones")


def _check_between(images: pa.Array, segment: memoryview, start: int) -> None:
    """See to it that the bytes between the buffers of a segment are zero, as Arrow writes them."""
    end = 0
    for buffer in sorted(filter(None, images.buffers()), key=lambda each: int(each.address)):
        place = buffer.address - start
        if any(segment[end:place]):
            break
        end = place + buffer.size
    else:
        if not any(segment[end:]):
            return
    raise MessageError("bytes between its columns are not zero", "zeros")


def _check_names(names: pa.Array, known: pa.Array, kinds: pa.Array) -> None:
    """A picture that was mended may have the suffix of another format."""
    from vqadata.images.checks import renamed

    lists = (array.to_pylist() for array in (names, known, kinds))
    for name, path, kind in zip(*lists, strict=True):
        if name not in (path, renamed(path, kind)):
            raise MessageError(f"one of its pictures is called {name!r}", f"{path!r}")


def _check_text(batch: pa.RecordBatch, end: int) -> None:
    batch.validate(full=True)
    buffers = [buffer for column in batch.columns for buffer in column.buffers() if buffer]
    if any(buffer.address + buffer.size > end for buffer in buffers):
        raise MessageError("some of its text lies outside its text segment", "all of it inside")
