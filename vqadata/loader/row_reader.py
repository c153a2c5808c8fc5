"""Rows by their numbers: text out of the columns, pictures as views of the mapped shards."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vqadata.errors import DamageError, OptionError
from vqadata.loader.cells import Cells, cells_of, member, offsets_of
from vqadata.loader.encoded import PictureOf, pictures_of
from vqadata.loader.load_options import LoadOptions
from vqadata.loader.pixels import Decoder
from vqadata.record import record_schema
from vqadata.shards.reader import TEXT, Shards
from vqadata.stores.file_system import is_url

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.loader.permutation import Numbers

Row: TypeAlias = dict[str, Any]
"""One question: ``row`` (its number), ``padding``, the chosen columns, ``images`` (a list)."""

MOST_ROWS = 1 << 20
"""Rows whose record batches are kept at hand: some 120 MB of offsets and of texts that repeat."""

MOST_FETCHED = 64
"""Record batches of URLs that are kept: what is at hand keeps its place in memory or on disk."""


class _View(NamedTuple):
    """What is needed to take rows out of one record batch."""

    parent: memoryview
    """Picture row of each question."""
    columns: list[tuple[str, Cells]]
    images: Callable[[int], list[Any]] | None
    """Gives the pictures of a picture row."""
    number: int
    """Of the record batch among all."""


class RowReader:
    """Takes rows out of one or several data sets.

    Args:
        sources: The data sets.
        batch_starts: First row of each of their record batches, numbered over all data sets.
        options: The columns and pictures that are wanted.

    Raises:
        OptionError: There is no such column.
    """

    def __init__(
        self, sources: Sequence[Shards], batch_starts: Numbers, options: LoadOptions
    ) -> None:
        """Open nothing yet."""
        _refuse_unknown(options.columns)
        self._sources, self._columns = sources, options.columns
        self._images = options.images != "none"
        self._decode = Decoder(options.size, options.resize) if options.images == "rgb" else None
        self._starts: list[int] = batch_starts.tolist()
        self._batches = [(s, n) for s, one in enumerate(sources) for n in range(len(one.places))]
        self._views: dict[int, _View | None] = {}
        self._most = MOST_FETCHED if any(is_url(s.where) for s in sources) else MOST_ROWS
        self._at_hand = 0
        self._announced: set[int] = set()
        self._lock = threading.Lock()

    @property
    def total(self) -> int:
        """Number of rows of all data sets."""
        return self._starts[-1]

    def rows(self, numbers: Iterable[int]) -> list[Row]:
        """Read some rows; those of one picture that follow each other share its list of images.

        Args:
            numbers: Their numbers; ``~number`` for one that only fills a place.

        Returns:
            The rows, without those of damaged batches if the data set is read so.

        Raises:
            DamageError: A batch is damaged, and damage is not to be skipped.
        """
        rows: list[Row] = []
        view: _View | None = None
        starts = self._starts
        start = end = place = 0
        wanted = list(numbers)
        wanted.append(-1)  # follows no row
        stop = len(wanted) - 1
        while place < stop:
            given = wanted[place]
            first = given if given >= 0 else ~given
            if not start <= first < end:
                batch = bisect.bisect_right(starts, first) - 1
                start, end = starts[batch], starts[batch + 1]
                view = self._view(batch)
            # Rows that follow each other, as those of a visit do, are taken at once.
            last, place = first + 1, place + 1
            while wanted[place] == last < end and given >= 0:
                last, place = last + 1, place + 1
            if view is None:
                continue
            try:
                if last == first + 1:
                    rows.append(self._one(view, first, first - start, given < 0))
                else:
                    rows += self._run(view, first, last, start)
            except DamageError as error:
                rows += self._undamaged(view, range(first, last), given < 0, error)
        return rows

    def _one(self, view: _View, number: int, place: int, padding: bool) -> Row:
        """The row at a place of a record batch."""
        row: Row = {"row": number, "padding": padding}
        for name, cells in view.columns:
            row[name] = cells.one(place)
        if view.images is not None:
            row["images"] = view.images(view.parent[place])
        return row

    def _run(self, view: _View, first: int, last: int, start: int) -> list[Row]:
        """Rows that follow each other, of the record batch whose first row is ``start``."""
        numbers = range(first, last)
        first, last = first - start, last - start
        same: Row = {"row": -1, "padding": False}
        parents = view.parent[first:last]
        one_picture = parents[0] == parents[-1]
        if view.images is not None and one_picture:
            same["images"] = view.images(parents[0])
        rows = []
        for number in numbers:
            row = same.copy()
            row["row"] = number
            rows.append(row)
        for name, cells in view.columns:
            for row, value in zip(rows, cells.run(first, last), strict=True):
                row[name] = value
        if view.images is not None and not one_picture:
            lists = {parent: view.images(parent) for parent in dict.fromkeys(parents)}
            for row, parent in zip(rows, parents, strict=True):
                row["images"] = lists[parent]
        return rows

    def _undamaged(
        self, view: _View, numbers: range, padding: bool, error: DamageError
    ) -> Iterator[Row]:
        """Rows of which one has a damaged picture, without those that have, if that is to be."""
        source, inside = self._batches[view.number]
        shards = self._sources[source]
        if shards.options.on_damage == "fail":
            raise error
        start = self._starts[view.number]
        for number in numbers:
            try:
                yield self._one(view, number, number - start, padding)
            except DamageError as bad:
                same = view.parent.tolist().count(view.parent[number - start])
                shards.note_damage(inside, bad, (1, same))

    @property
    def is_cheap(self) -> bool:
        """Whether rows cost no more to read than to get from another process.

        So it is where nothing is decoded and the shards are mapped: to unpickle a row takes as long
        as to take it out of the columns.
        """
        return self._decode is None and not any(is_url(s.where) for s in self._sources)

    def prefetch(self, numbers: Iterable[int]) -> None:
        """Begin to fetch what is needed for some rows that will be read soon."""
        if len(self._views) == len(self._batches):
            return
        start = end = 0
        for given in numbers:
            if start <= given < end:
                continue  # The rows of a visit lie in one batch.
            number = bisect.bisect_right(self._starts, given if given >= 0 else ~given) - 1
            start, end = self._starts[number : number + 2]
            if number not in self._views and number not in self._announced:
                self._announced.add(number)
                source, inside = self._batches[number]
                self._sources[source].prefetch([inside], self._images)

    def __getstate__(self) -> dict[str, object]:
        """Travel to worker processes without views."""
        return {key: value for key, value in self.__dict__.items() if key != "_lock"} | {
            "_views": {},
            "_at_hand": 0,
        }

    def __setstate__(self, state: dict[str, object]) -> None:
        """Arrive in a worker process."""
        self.__dict__.update(state, _lock=threading.Lock())

    def _view(self, number: int) -> _View | None:
        try:
            return self._views[number]
        except KeyError:
            with self._lock:
                if number in self._views:
                    return self._views[number]
                rows = self._length(number)
                while self._views and (
                    self._at_hand + rows > MOST_ROWS or len(self._views) >= self._most
                ):
                    oldest = next(iter(self._views))
                    del self._views[oldest]
                    self._at_hand -= self._length(oldest)
                view = self._views[number] = self._open(number)
                self._at_hand += rows
                return view

    def _length(self, number: int) -> int:
        """Rows of a record batch."""
        return self._starts[number + 1] - self._starts[number]

    def _open(self, number: int) -> _View | None:
        source, inside = self._batches[number]
        shards = self._sources[source]
        self._announced.discard(number)
        picture: PictureOf | None = None
        try:
            if self._images:
                batch, picture = pictures_of(shards, inside)
            else:
                batch = shards.batch(inside, TEXT)
        except DamageError as error:
            if shards.options.on_damage == "fail":
                raise
            shards.note_damage(inside, error)
            return None
        questions = batch.column("questions")
        columns = [(path, cells_of(member(questions.values, path))) for path in self._columns]
        images = self._images_in(batch, picture) if picture else None
        return _View(_parents(offsets_of(questions)), columns, images, number)

    def _images_in(self, batch: pa.RecordBatch, encoded: PictureOf) -> Callable[[int], list[Any]]:
        """The function that gives the pictures of a picture row of a batch."""
        starts, decode = offsets_of(batch.column("image_facts")), self._decode

        def picture(number: int) -> Any:
            found = encoded(number)
            return found if found is None or decode is None else decode(found)

        if len(starts) == starts[-1] + 1 and all(n == start for n, start in enumerate(starts)):
            one = encoded if decode is None else picture
            return lambda row: [one(row)]
        return lambda row: [picture(n) for n in range(starts[row], starts[row + 1])]


def _parents(starts: memoryview) -> memoryview:
    import numpy as np

    counts = np.diff(np.asarray(starts))
    return memoryview(np.repeat(np.arange(len(counts), dtype=np.int32), counts).data)


def _refuse_unknown(columns: Sequence[str]) -> None:
    import pyarrow as pa

    schema = record_schema()
    whole = pa.StructArray.from_arrays([pa.nulls(0, f.type) for f in schema], fields=list(schema))
    for path in columns:
        try:
            member(whole, path)
        except (KeyError, AttributeError, pa.ArrowInvalid):
            known = ", ".join(schema.names)
            raise OptionError("columns", f"no column {path!r}", f"some of {known}") from None
