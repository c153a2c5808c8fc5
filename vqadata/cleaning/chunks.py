"""Cuts a data set into chunks of pictures that are not examined yet: the unit of work and of rest.

A picture belongs to the chunk in which its bytes come first. What a chunk is called depends on its
pictures alone, so that a run finds what an earlier one left, whatever became of the rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from vqadata.groundwork.digests import bytes_digest
from vqadata.groundwork.id_index import IdIndex
from vqadata.images.fetch import is_url
from vqadata.images.view import View

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers

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
        self._met = _Met(scratch)

    def cut(self, number: int, split: str, batch: pa.RecordBatch) -> Iterator[Chunk]:
        """The chunks of one batch; pictures without bytes are in none.

        Args:
            number: Number of the batch in the data set.
            split: Split of its questions.
            batch: Picture rows.
        """
        every = list(mentions(split, batch))
        is_new = self._met.add([mention.digest for mention in every])
        new = [mention for mention, fresh in zip(every, is_new, strict=True) if fresh]
        for start in range(0, len(new), CHUNK):
            yield Chunk(number, tuple(new[start : start + CHUNK]))


class _Met:
    """Which digests were met: some 20 bytes each, where a set of them would take 83.

    Halves of digests are looked up; the other halves tell whether two that are equal in one are
    the same.
    """

    def __init__(self, scratch: Path | None) -> None:
        self._first_halves, self._others = IdIndex(scratch), array("q")
        self._odd: set[str] = set()
        """Digests of which another one has the first half."""

    def add(self, digests: list[str]) -> list[bool]:
        """Add some digests; say which of them are new."""
        import numpy as np
        import pyarrow as pa

        if not digests:
            return []
        halves = np.frombuffer(bytes.fromhex("".join(digests)), ">i8").astype(np.int64)
        halves = halves.reshape(-1, 2)
        numbers = np.arange(len(self._others), len(self._others) + len(digests))
        self._others.frombytes(halves[:, 1].tobytes())
        first = self._first_halves.add(pa.array(halves[:, 0]), numbers)
        others: Numbers = np.frombuffer(self._others, np.int64)
        new = first == numbers
        odd = np.flatnonzero(others[first] != halves[:, 1]).tolist()
        del others  # an array that is looked into cannot grow
        for place in odd:
            new[place] = digests[place] not in self._odd
            self._odd.add(digests[place])
        found: list[bool] = new.tolist()
        return found


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
