"""Cuts a data set into chunks of pictures that are not examined yet: the unit of work and of rest.

A picture belongs to the chunk in which its bytes come first. What a chunk is called depends on its
pictures alone, so that a run finds what an earlier one left, whatever became of the rows.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from vqadata.groundwork.digest_index import DigestIndex
from vqadata.groundwork.digests import bytes_digest
from vqadata.images.fetch import is_url
from vqadata.images.view import View

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 32
"""Most pictures of a chunk: so many at most are examined again after a break, by each worker."""


class Mention(NamedTuple):
    """Where a picture stands first, and what its row says of it."""

    digest: str
    place: int
    """Number of the picture in its batch, over all rows."""
    path: str
    group: str
    """Where the row came from; see :func:`group_of`."""


class Chunk(NamedTuple):
    """Some pictures of one record batch."""

    batch: int
    """Number of the batch in the data set."""
    mentions: tuple[Mention, ...]

    @property
    def key(self) -> str:
        """Names the chunk by its pictures and their groups."""
        named = "\n".join(f"{m.digest} {m.group}" for m in self.mentions)
        return bytes_digest(named.encode())


class ChunkCutter:
    """Finds the pictures that were not met before, batch by batch in order.

    Args:
        scratch: Folder for temporary files; without it all stays in memory.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        """Have met none."""
        self._met = DigestIndex(scratch)

    def cut(self, number: int, split: str, batch: pa.RecordBatch) -> Iterator[Chunk]:
        """The chunks of one batch; pictures without bytes are in none.

        Args:
            number: Number of the batch in the data set.
            split: Split of its questions.
            batch: Picture rows.
        """
        every, before = list(mentions(split, batch)), len(self._met)
        first = self._met.add([mention.digest for mention in every])
        own = zip(every, enumerate(first.tolist(), before), strict=True)
        new = [mention for mention, (number, met) in own if met == number]
        for start in range(0, len(new), CHUNK):
            yield Chunk(number, tuple(new[start : start + CHUNK]))


def mentions(
    split: str, batch: pa.RecordBatch, wanted: Container[str] | None = None
) -> Iterator[Mention]:
    """Every picture of a batch that has bytes, in order; its pictures are not looked at.

    Args:
        split: Of the batch.
        batch: Picture rows.
        wanted: Digests of the pictures that are asked for; by default all.
    """
    import pyarrow.compute as pc

    facts = batch.column("image_facts").flatten()
    paths = facts.field("path").to_pylist()
    rows = pc.list_parent_indices(batch.column("image_facts")).to_pylist()
    questions = batch.column("questions")
    files = questions.flatten().field("origin").field("file")
    starts = (questions.offsets.to_numpy() - questions.offsets[0].as_py())[:-1]
    sources = files.take(starts).to_pylist()
    for place, digest in enumerate(facts.field("digest").to_pylist()):
        if digest is not None and (wanted is None or digest in wanted):
            path = paths[place]
            yield Mention(digest, place, path, group_of(path, sources[rows[place]], split))


def group_of(path: str, file: str, split: str) -> str:
    """Names the origin of a picture: host or input file, and split.

    >>> group_of("a/b.jpg", "questions.json", "train")
    'questions.json train'
    >>> group_of("https://example.org/b.jpg", "questions.json", "train")
    'example.org train'
    """
    source = urlsplit(path).netloc if is_url(path) else file
    return f"{source} {split}".rstrip()


def views(batch: pa.RecordBatch, chosen: tuple[Mention, ...]) -> Iterator[View]:
    """The pictures themselves, without a copy of their bytes."""
    data = batch.column("images").flatten().field("bytes")
    for mention in chosen:
        encoded = memoryview(data[mention.place].as_buffer()).cast("B")
        yield View(mention.path, mention.digest, encoded)
