"""Reads finished shards: memory-mapped, each batch checked before its first row is handed out.

A reader holds no picture: batches are views into the mapped files, so memory stays flat however
large the data set is.
"""

from __future__ import annotations

import bisect
import copy
import logging
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vqadata.errors import DamageError, OptionError
from vqadata.record import Record
from vqadata.shards.manifest import (
    MANIFEST,
    BatchEntry,
    FileEntry,
    ShardEntry,
    parse_manifest,
)
from vqadata.shards.message import MessageError
from vqadata.shards.read_options import ReadOptions
from vqadata.shards.remote import store_at
from vqadata.shards.scan import Fault
from vqadata.shards.schema import IMAGES, shard_schema
from vqadata.shards.store import Store
from vqadata.stores.file_system import is_url

if TYPE_CHECKING:
    import pyarrow as pa

TEXT = ("image_facts", "questions")
"""The columns that are read without the pictures."""

log = logging.getLogger(__name__)


def open_shards(folder: Path | str, options: ReadOptions | None = None) -> Shards:
    """Open a finished folder.

    Args:
        folder: The folder, or a URL that ``fsspec`` knows.
        options: What to do about damage, and more.

    Raises:
        ShardError: The folder is missing, unfinished, damaged or of another version.
    """
    options = options or ReadOptions()
    return Shards(store_at(folder, options), options)


def file_at(place: Path | str, name: str) -> Path | None:
    """A local path of a file beside the shards, by its name; ``None`` if there is none.

    Args:
        place: A finished folder, or a URL.
        name: The file.
    """
    if not is_url(place):
        return path if (path := Path(place) / name).exists() else None
    shards = open_shards(place)
    found = [entry for entry in shards.manifest.files if entry.file == name]
    return shards.file(found[0]) if found else None


class Damage(NamedTuple):
    """A batch, or a picture of it, that was skipped: its bytes are not those of the manifest."""

    file: str
    """The shard."""
    batch: int
    """Number of the batch in it."""
    pictures: int
    """Picture rows that are skipped: all that it holds, or the one that is damaged."""
    questions: int
    """Questions about them."""
    found: str
    """What is wrong with it."""


class BatchPlace(NamedTuple):
    """Where a batch is among all."""

    shard: int
    """Its shard in the manifest."""
    number: int
    """Of the batch in its shard."""
    first_row: int
    """Global number of the batch's first picture row."""


class Shards:
    """A finished folder of shards.

    Attributes:
        folder: Where it lies; of no use if that is a URL.
        where: Its name for people: the path, or the URL.
        manifest: What it promises.
        digest: Digest of the manifest: the identity of this version of the data.
        options: How it is read.
        places: Where each batch is, by its number over all shards.
        damage: The batches that were skipped so far, if damage is to be skipped.
    """

    def __init__(self, store: Store, options: ReadOptions) -> None:
        """Read the manifest; open the shard files when a row is asked for."""
        self.folder, self.where, self.options = Path(store.where), store.where, options
        self._store = store
        self.manifest, self.digest = parse_manifest(store.manifest(), store.path(MANIFEST))
        self.places = list(_places(self.manifest.shards))
        self.damage: list[Damage] = []
        self._first_rows = [place.first_row for place in self.places]
        self._numbers = range(len(self.places))
        if options.on_damage == "fail":
            self._refuse_missing()

    def stretch(self, first: int, stop: int) -> Shards:
        """The same shards, of whose batches only some are walked over.

        Args:
            first: The first one: an index of :attr:`places`.
            stop: The one behind the last.
        """
        part = copy.copy(self)
        part._numbers = range(first, stop)
        return part

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the record batches in order, as views into the mapped files.

        Args:
            columns: Only these columns, in this order; all by default. Without ``images`` the bytes
                of the pictures are neither read nor checked.

        Raises:
            DamageError: A file is missing or its bytes are not those of the manifest, and damage is
                not to be skipped.
        """
        for _, batch in self._walk(columns):
            yield batch

    def batch(self, number: int, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """One record batch by its number over all shards, as a view into the mapped file.

        Args:
            number: An index of :attr:`places`.
            columns: As in :meth:`batches`.

        Raises:
            DamageError: It is damaged, whether or not damage is to be skipped.
        """
        rows = self._batch(number, columns is None or IMAGES in columns)
        return rows if columns is None else rows.select(list(columns))

    def with_unchecked_pictures(self, number: int) -> pa.RecordBatch:
        """A record batch of a mapped file, of which all but the pictures themselves is checked.

        Whoever looks at a picture must compare it with its digest in ``image_facts``.

        Args:
            number: An index of :attr:`places`.

        Raises:
            DamageError: It is damaged.
        """
        place = self.places[number]
        try:
            return self._store.around_pictures(self.manifest.shards[place.shard], place.number)
        except MessageError as bad:
            raise self.damaged(number, bad) from None

    def _batch(self, number: int, pictures: bool) -> pa.RecordBatch:
        place = self.places[number]
        try:
            return self._store.batch(self.manifest.shards[place.shard], place.number, pictures)
        except MessageError as bad:
            raise self.damaged(number, bad) from None

    def prefetch(self, numbers: Sequence[int], pictures: bool = True) -> None:
        """Begin to fetch batches that will be asked for soon; a hint, which never fails.

        Args:
            numbers: Indexes of :attr:`places`.
            pictures: Whether their pictures will be looked at.
        """
        for number in numbers:
            place = self.places[number]
            try:
                self._store.prefetch(self.manifest.shards[place.shard], place.number, pictures)
            except MessageError:
                continue  # It is told when the batch is asked for.

    def release(self, number: int) -> None:
        """Give back the memory of a batch that was looked at; it may be used all the same."""
        place = self.places[number]
        self._store.release(self.manifest.shards[place.shard], place.number)

    def split_batches(
        self, columns: Sequence[str] | None = None
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield the record batches in order, each with the split to which it belongs."""
        for place, batch in self._walk(columns):
            yield self.manifest.shards[place.shard].split, batch

    def records(self) -> Iterator[Record]:
        """Yield the canonical records in shard order."""
        for batch in self.batches(["questions"]):
            for questions in batch.column("questions").to_pylist():
                yield from (Record.model_validate(question) for question in questions)

    def questions(self, columns: list[str] | None = None) -> pa.Table:
        """All questions as one flat table, without picture bytes.

        Args:
            columns: Names of record columns; all of them by default.

        Returns:
            The columns, plus ``picture_row`` (int64, for :meth:`pictures`) and the lists ``widths``
            and ``heights`` (int32 pixels of each picture; null where the header is unreadable).
        """
        import pyarrow as pa

        return pa.Table.from_batches(self.question_parts(columns))

    def question_parts(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The table of :meth:`questions` in parts, of which there is one at least."""
        wanted = list(Record.model_fields) if columns is None else columns
        unknown = sorted(set(wanted) - set(Record.model_fields))
        if unknown:
            known = ", ".join(Record.model_fields)
            raise OptionError("columns", f"found {unknown[0]!r}", f"some of {known}")
        yield _flat(_empty_batch(), 0, wanted)
        for place, batch in self._walk(TEXT):
            yield _flat(batch, place.first_row, wanted)

    def pictures(self, picture_row: int) -> list[bytes | None]:
        """The encoded pictures of one picture row; ``None`` for one that was missing.

        Args:
            picture_row: Global number of the row, from 0.

        Raises:
            IndexError: There is no such row.
            DamageError: The row's batch is damaged.
        """
        number = self.batch_of(picture_row)
        row = picture_row - self.places[number].first_row
        images = self.batch(number, [IMAGES]).column(0)[row]
        return [image["bytes"] for image in images.as_py()]

    def batch_of(self, picture_row: int) -> int:
        """Number of the batch that holds a picture row: an index of :attr:`places`.

        Raises:
            IndexError: There is no such row.
        """
        if not 0 <= picture_row < self.manifest.pictures:
            raise IndexError(f"picture row {picture_row} of {self.manifest.pictures}")
        return bisect.bisect_right(self._first_rows, picture_row) - 1

    @property
    def ledger_path(self) -> Path:
        """The path of the ledger, its digest checked.

        Raises:
            ShardError: It is missing, or not that of the manifest.
        """
        return self._store.file(self.manifest.ledger)

    def is_at(self, place: Path | str) -> bool:
        """Whether a folder, or a URL, is where these shards lie."""
        if is_url(place) or is_url(self.where):
            return str(place).rstrip("/") == self.where
        return Path(place).resolve() == self.folder.resolve()

    def path(self, name: str) -> str:
        """The name of one of its files for people: a path, or a URL."""
        return self._store.path(name)

    def faults(self, sha256: bool = False) -> Iterator[Fault]:
        """Compare each byte of each shard with the manifest, at the speed of the disk.

        Args:
            sha256: Compare the sha256 of the files, too; see
                :func:`~vqadata.shards.scan.scan_shard`.
        """
        for shard in self.manifest.shards:
            yield from self._store.faults(shard, sha256)

    def file(self, entry: FileEntry) -> Path:
        """A local path of a file that is no shard, its digest checked.

        Raises:
            ShardError: It is missing, or not that of the manifest.
        """
        return self._store.file(entry)

    def _walk(self, columns: Sequence[str] | None) -> Iterator[tuple[BatchPlace, pa.RecordBatch]]:
        """The batches with their places; damaged ones are left out if so wished."""
        pictures = columns is None or IMAGES in columns
        numbers, ahead = self._numbers, self.options.read_ahead
        self.prefetch(numbers[:ahead], pictures)
        for turn, number in enumerate(numbers):
            place = self.places[number]
            self.prefetch(numbers[turn + ahead : turn + ahead + 1], pictures)
            try:
                batch = self.batch(number, columns)
            except DamageError as error:
                if self.options.on_damage == "fail":
                    raise
                self.note_damage(number, error)
            else:
                yield place, batch
                del batch
                self.release(number)

    def note_damage(
        self, number: int, error: DamageError, only: tuple[int, int] | None = None
    ) -> None:
        """Write down, once, that a batch is skipped, or some of it.

        Args:
            number: The batch: an index of :attr:`places`.
            error: What is wrong with it.
            only: Picture rows and questions that are skipped, if not all.
        """
        place = self.places[number]
        shard = self.manifest.shards[place.shard]
        batch = shard.batches[place.number]
        pictures, questions = only or (batch.pictures, batch.questions)
        skipped = Damage(shard.file, place.number, pictures, questions, error.found)
        if skipped not in self.damage:
            self.damage.append(skipped)
            log.warning("skipped %s questions: %s", f"{questions:,}", error)

    def damaged(self, number: int, bad: MessageError) -> DamageError:
        """The error that says what is wrong with a batch: an index of :attr:`places`."""
        place = self.places[number]
        return self._damaged(self.manifest.shards[place.shard], place.number, bad)

    def _refuse_missing(self) -> None:
        for shard in self.manifest.shards:
            if bad := self._store.missing(shard):
                raise self._damaged(shard, None, bad)

    def _damaged(self, shard: ShardEntry, number: int | None, bad: MessageError) -> DamageError:
        at = ""
        if number is not None:
            entry = shard.batches[number]
            at = f"batch {number} (bytes {entry.offset}-{entry.end}): "
        remedy = f"Rebuild it with: vqadata repair {self.where}; or restore it from a copy."
        path = self._store.path(shard.file)
        return DamageError(path, f"damaged: {at}{bad.found}", bad.expected, remedy)


def _places(shards: list[ShardEntry]) -> Iterator[BatchPlace]:
    numbered = [(s, b, batch) for s, shard in enumerate(shards) for b, batch in _batches(shard)]
    starts = accumulate((batch.pictures for _, _, batch in numbered), initial=0)
    for (shard, number, _), first_row in zip(numbered, starts, strict=False):
        yield BatchPlace(shard, number, first_row)


def _batches(shard: ShardEntry) -> Iterator[tuple[int, BatchEntry]]:
    return enumerate(shard.batches)


def _empty_batch() -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=shard_schema())


def _flat(batch: pa.RecordBatch, first_row: int, columns: list[str]) -> pa.RecordBatch:
    """One row a question: the chosen columns, the picture row, and its pictures' sizes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    questions, facts = batch.column("questions"), batch.column("image_facts")
    rows = pc.list_parent_indices(questions)
    flat = pc.list_flatten(questions)
    arrays = [pc.struct_field(flat, name) for name in columns]
    for side in ("width", "height"):
        sizes = pa.ListArray.from_arrays(facts.offsets, pc.struct_field(facts.values, side))
        arrays.append(pc.take(sizes, rows))
    names = [*columns, "widths", "heights", "picture_row"]
    arrays.append(pc.add(pc.cast(rows, pa.int64()), first_row))
    return pa.RecordBatch.from_arrays(arrays, names=names)
