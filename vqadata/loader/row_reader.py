"""Rows by their numbers: text out of the columns, pictures as views of the mapped shards."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vqadata.errors import DamageError, OptionError
from vqadata.loader.cells import Cell, cell_of, member, offsets_of
from vqadata.loader.encoded import Home, pictures_of
from vqadata.loader.load_options import LoadOptions
from vqadata.loader.pixels import Decoder
from vqadata.record import record_schema
from vqadata.shards.reader import TEXT, Shards
from vqadata.shards.remote import is_url
from vqadata.shards.schema import IMAGES

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.loader.permutation import Numbers

Row: TypeAlias = dict[str, Any]
"""One question: ``row`` (its number), ``padding``, the chosen columns, ``images`` (a list)."""

MOST_VIEWS = 4096
"""Record batches whose offsets are kept at hand; each takes some 20 KB, and none of its text."""

MOST_FETCHED = 64
"""The same where a URL is read: what is at hand keeps its place in memory or on disk."""


class _View(NamedTuple):
    """What is needed to take rows out of one record batch."""

    parent: Sequence[int]
    """Picture row of each question."""
    cells: list[tuple[str, Cell]]
    images: Callable[[int], list[Any]] | None


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
        self._most = MOST_FETCHED if any(is_url(s.where) for s in sources) else MOST_VIEWS
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
        start = end = picture = -1
        images: list[Any] = []
        for given in numbers:
            number = given if given >= 0 else ~given
            if not start <= number < end:
                batch = bisect.bisect_right(self._starts, number) - 1
                start, end = self._starts[batch : batch + 2]
                view, picture = self._view(batch), -1
            if view is None:
                continue
            question = number - start
            row: Row = {"row": number, "padding": given < 0}
            for name, cell in view.cells:
                row[name] = cell(question)
            if view.images is not None:
                if view.parent[question] != picture:
                    picture = view.parent[question]
                    images = self._decoded(view.images(picture))
                row["images"] = images
            rows.append(row)
        return rows

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
            "_views": {}
        }

    def __setstate__(self, state: dict[str, object]) -> None:
        """Arrive in a worker process."""
        self.__dict__.update(state, _lock=threading.Lock())

    def _decoded(self, images: list[Any]) -> list[Any]:
        if self._decode is None:
            return images
        return [None if image is None else self._decode(image) for image in images]

    def _view(self, number: int) -> _View | None:
        try:
            return self._views[number]
        except KeyError:
            with self._lock:
                while len(self._views) >= self._most:
                    del self._views[next(iter(self._views))]
                view = self._views[number] = self._open(number)
                return view

    def _open(self, number: int) -> _View | None:
        source, inside = self._batches[number]
        shards = self._sources[source]
        self._announced.discard(number)
        try:
            batch = shards.batch(inside, None if self._images else TEXT)
        except DamageError as error:
            if shards.options.on_damage == "fail":
                raise
            shards.note_damage(shards.places[inside], error)
            return None
        questions = batch.column("questions")
        cells = [(path, cell_of(member(questions.values, path))) for path in self._columns]
        return _View(
            _parents(offsets_of(questions)),
            cells,
            self._images_in(batch, shards, inside) if self._images else None,
        )

    def _images_in(
        self, batch: pa.RecordBatch, shards: Shards, number: int
    ) -> Callable[[int], list[Any]]:
        """The function that gives the pictures of a picture row of a batch."""
        # What came over a network is in the hands of this process alone.
        known = None if is_url(shards.where) else Home(shards.folder, shards.digest, number)
        starts, picture = offsets_of(batch.column(IMAGES)), pictures_of(batch, known)
        return lambda row: [picture(n) for n in range(starts[row], starts[row + 1])]


def _parents(starts: memoryview) -> Sequence[int]:
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
