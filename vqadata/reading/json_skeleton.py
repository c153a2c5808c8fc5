"""Reads JSON records that are alike at columnar speed: same members, same order, same spacing.

What a program wrote is the same text again and again, with holes: ``{"image_id": 42, "question":
"What is it?"}`` is ``{"image_id": ``, a number, ``, "question": "``, a text and ``"}``. The
skeleton is learnt from one record. In a block of records the quotes are found at memory speed (a
quote behind a backslash is none); a record with as many quotes as the skeleton is compared with it,
all records at once. Where all literal text is equal, what lies in the holes
are texts and numbers, and they become Arrow columns without a step a record. A record that does not
fit is for somebody else to read; it costs its neighbours nothing.

The text must be valid JSON, so that the first quote of a record opens a text and every other one
closes it; the cutter has proved that. Where all records of a list fit, that is a proof in itself:
literal text is what it is in a record that was proved, texts hold no control characters and good
escapes only, and numbers are digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from vqadata.reading.json_bytes import (
    QUOTE,
    are_whole,
    decoded_text,
    in_every_column,
    is_utf8,
    quote_offsets,
    slash_offsets,
    undecodable,
)
from vqadata.reading.json_laid import Fitted, Laid
from vqadata.reading.json_spans import Records

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]

Item = TypeVar("Item")

MOST_DIGITS = 18
"""Digits of the longest number that is read, which fits 64 bits."""

_SPACE = b" "[0]

MOST_HOLES = 1000
"""Holes of a record beyond which it is not taken for one of many alike."""

_TOKEN = re.compile(rb'\s*("(?:[^"\\]|\\.)*"|-?[^\s,:\[\]{}"]+|[,:\[\]{}])', re.DOTALL)


class Hole(NamedTuple):
    """What differs from record to record."""

    path: tuple[str | int, ...]
    """Members and places that lead to it: ``("answers", 0, "answer")``."""
    is_text: bool
    """Whether it is a text; else it is an integer that is not negative."""


class _Run(NamedTuple):
    """Literal text between two holes. Marks are the quotes of a record, numbered from 0."""

    text: bytes
    first: int
    """Number of its first mark."""
    marks: tuple[int, ...]
    """Offsets of its marks; only the last run may have none, and ends where the record does."""


class Skeleton:
    """What is the same in all records of a file.

    Args:
        holes: What differs, in the order of the text.
        texts: The literal texts before, between and behind the holes.
    """

    def __init__(self, holes: Sequence[Hole], texts: Sequence[bytes]) -> None:
        """Count the marks."""
        self.holes = tuple(holes)
        self._runs = list(_runs(texts))
        self._marks = sum(len(run.marks) for run in self._runs)
        numbers = [(n, hole) for n, hole in enumerate(self.holes) if not hole.is_text]
        members = [tuple(s for s in hole.path if isinstance(s, str)) for _, hole in numbers]
        self._alike_numbers = _grouped([number for number, _ in numbers], members)
        self._bounds = _bounds(self._runs)
        self._literal = _Literal(texts)

    @classmethod
    def of(cls, record: bytes) -> Skeleton | None:
        """The skeleton of an object; ``None`` if it holds more than texts and whole numbers."""
        if not is_utf8(record):
            return None
        holes: list[Hole] = []
        texts = [b""]
        begin = 0
        for path, start, end in _values(record):
            is_text = record[start] == QUOTE
            if not is_text and not record[start:end].isdigit():
                return None
            texts[-1] = record[begin : start + is_text]
            begin = end - is_text
            holes.append(Hole(path, is_text))
            texts.append(record[begin:])
        # Between two numbers stands a key, else there would be no mark to find them by.
        marked = all(b'"' in text for text in texts[:-1])
        distinct = len({hole.path for hole in holes}) == len(holes)
        inside = 0 < len(holes) <= MOST_HOLES and all(hole.path for hole in holes)
        return cls(holes, texts) if marked and distinct and inside else None

    def fit(self, records: Records) -> Fitted:
        """Lay the skeleton over some records, and keep those that fit."""
        if isinstance(records, AlikeRecords) and records.skeleton is self:
            return records.fitted
        return self._fitted(records, _Marks.of(records.text))

    def all_of(self, text: bytes, between: bytes, offset: int) -> AlikeRecords | None:
        """The records of a list, if all of them fit: that proves that the text is valid JSON.

        Args:
            text: The list, from its ``[`` to its ``]``.
            between: What stands between two records.
            offset: Offset of the text in the file.
        """
        import numpy as np

        marks = _Marks.of(text)
        count, left = divmod(len(marks.quotes), self._marks)
        if left or not count or marks.buffer.min() < _SPACE:
            return None
        starts = marks.quotes[:: self._marks] - self._runs[0].marks[0]
        ends = np.append(starts[1:] - len(between), len(text) - 1)
        if starts[0] != 1 or not _follow(between, marks.buffer, ends[:-1]):
            return None
        records = Records(text, starts, ends, np.ones(count, bool), offset)
        fitted = self._fitted(records, marks)  # where a text is no UTF-8, it does not fit
        alike = len(fitted.rows) == count
        return AlikeRecords(records, offset, self, fitted) if alike else None

    def _fitted(self, records: Records, marks: _Marks) -> Fitted:
        laid = self._laid(records, marks.quotes)
        laid = laid.only(self._is_spaced(laid))
        laid = laid.only(self._literal.stands_in(laid))
        fits = self._are_numbers(laid, marks.buffer)
        texts = self._escaped(laid, marks.slashes)
        fits[[row for (row, _), text in texts.items() if text is None]] = False
        fits[undecodable(records, laid.rows)] = False
        return Fitted(laid.with_texts(texts).only(fits))

    def _laid(self, records: Records, quotes: Numbers) -> Laid:
        """The records with as many quotes as the skeleton."""
        import numpy as np

        columns, shifts = self._bounds
        if len(records) and len(quotes) == len(records) * self._marks and records.proved.all():
            marks = quotes.reshape(len(records), self._marks)
            if ((marks[:, 0] >= records.starts) & (marks[:, -1] < records.ends)).all():
                bounds = np.take(marks, columns, axis=1) + shifts
                return self._bounded(records, np.arange(len(records)), bounds)
        first = np.searchsorted(quotes, records.starts)
        counts = np.searchsorted(quotes, records.ends) - first
        rows = np.flatnonzero((counts == self._marks) & records.proved)
        return self._bounded(records, rows, quotes[first[rows][:, None] + columns] + shifts)

    def _bounded(self, records: Records, rows: Numbers, bounds: Numbers) -> Laid:
        """With the bounds of a last run that has no mark: it ends where the record does."""
        import numpy as np

        ends = records.ends[rows]
        if bounds.shape[1] < 2 * len(self._runs):
            bounds = np.column_stack([bounds, ends - len(self._runs[-1].text), ends])
        return Laid(records.text, rows, records.starts[rows], ends, bounds.astype(np.int32))

    def _is_spaced(self, laid: Laid) -> Numbers:
        """Which records begin and end with a run, and have short numbers between two.

        The end of a text is the mark of the next run, so that one cannot be odd.
        """
        fits: Numbers = laid.ends - laid.starts >= self._literal.length
        fits &= laid.bounds[:, 0] == laid.starts
        fits &= laid.bounds[:, -1] == laid.ends
        for holes in self._alike_numbers:
            starts, ends = laid.spans(holes)
            lengths = ends - starts
            fits &= in_every_column((lengths > 0) & (lengths <= MOST_DIGITS))
        return fits

    def _are_numbers(self, laid: Laid, buffer: Numbers) -> Numbers:
        """Which records have nothing but digits in the holes for numbers."""
        import numpy as np

        fits: Numbers = np.ones(len(laid.rows), bool)
        for holes in self._alike_numbers:
            fits &= are_whole(buffer, *laid.spans(holes))
        return fits

    def _escaped(self, laid: Laid, slashes: Numbers) -> dict[tuple[int, int], str | None]:
        """The texts that hold escapes, by row and hole; ``None`` where they are not valid."""
        import numpy as np

        flat, width = laid.bounds.ravel(), 2 * len(self._runs)
        pieces = np.unique(np.searchsorted(flat, slashes, "right") - 1)
        texts = {}
        for piece in pieces[pieces % 2 == 1].tolist():
            row, place = divmod(piece, width)
            hole = place // 2
            if hole < len(self.holes) and self.holes[hole].is_text:
                text = laid.text[flat[piece] - 1 : flat[piece + 1] + 1]
                texts[row, hole] = decoded_text(text)
        return texts


class _Marks(NamedTuple):
    """Where quotes and backslashes stand in a text."""

    buffer: Numbers
    """The text as bytes."""
    slashes: Numbers
    quotes: Numbers

    @classmethod
    def of(cls, text: bytes) -> _Marks:
        import numpy as np

        buffer = np.frombuffer(text, np.uint8)
        slashes = slash_offsets(text, buffer)
        return cls(buffer, slashes, quote_offsets(buffer, slashes))


class _Literal:
    """The runs of a skeleton in turn with nothing, for as many records as are compared at once."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        """Keep the texts of the runs."""
        self._texts = texts
        self.length = sum(map(len, texts))
        """Bytes of the runs of a record."""
        self._rows = 0
        self._expected: pa.Array | None = None

    def stands_in(self, laid: Laid) -> Numbers:
        """Which records have these runs; where theirs are of another length, they have not."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(laid.rows):
            return np.ones(0, bool)
        found = laid.pieces(pa.binary())
        equal = pc.equal(found, self._of(len(laid.rows))[: len(found)])
        runs = equal.to_numpy(zero_copy_only=False)[::2]
        return in_every_column(runs.reshape(len(laid.rows), len(self._texts)))

    def _of(self, rows: int) -> pa.Array:
        """The runs of at least so many records."""
        import numpy as np
        import pyarrow as pa

        if self._expected is None or rows > self._rows:
            ends = np.cumsum([len(text) for text in self._texts], dtype=np.int64)
            begins = np.arange(rows)[:, None] * ends[-1]
            offsets = np.append(0, np.repeat(begins + ends, 2)).astype(np.int32)
            buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(self._texts) * rows)]
            self._expected = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
            self._rows = rows
        return self._expected


class AlikeRecords(Records):
    """Records of which all fit one skeleton."""

    def __init__(self, records: Records, offset: int, skeleton: Skeleton, fitted: Fitted) -> None:
        """Keep what was found when they were proved."""
        super().__init__(records.text, records.starts, records.ends, records.proved, offset)
        self.skeleton, self.fitted = skeleton, fitted


def _follow(between: bytes, buffer: Numbers, ends: Numbers) -> bool:
    """Whether a text follows each of some offsets."""
    return all((buffer[ends + place] == byte).all() for place, byte in enumerate(between))


def _values(record: bytes) -> Iterator[tuple[tuple[str | int, ...], int, int]]:
    """The path, the start and the end of every value in a record that holds no other ones."""
    path: list[Any] = []
    before = b""
    for token in _TOKEN.finditer(record):
        text = token[1]
        if text in (b"{", b"["):
            path.append(0 if text == b"[" else None)
        elif text in (b"}", b"]"):
            path.pop()
            if before in (b"{", b"["):
                yield tuple(path), token.start(1), token.start(1)  # empty: no text, no number
        elif text == b",":
            path[-1] = path[-1] + 1 if isinstance(path[-1], int) else None
        elif path and path[-1] is None:
            path[-1] = msgspec.json.decode(text)
        elif text != b":":
            yield tuple(path), token.start(1), token.end(1)
        before = text


def _runs(texts: Sequence[bytes]) -> Iterator[_Run]:
    """Literal texts with their marks."""
    mark = 0
    for text in texts:
        marks = tuple(match.start() for match in re.finditer(b'"', text))
        yield _Run(text, mark, marks)
        mark += len(marks)


def _bounds(runs: Sequence[_Run]) -> tuple[list[int], list[int]]:
    """The marks by which the runs with marks begin and end, and how far from each they do."""
    marked = [run for run in runs if run.marks]
    columns = [at for run in marked for at in (run.first, run.first + len(run.marks) - 1)]
    shifts = [by for run in marked for by in (-run.marks[0], len(run.text) - run.marks[-1])]
    return columns, shifts


def _grouped(things: Sequence[Item], keys: Sequence[object]) -> list[list[Item]]:
    """Things of equal key together."""
    groups: dict[object, list[Item]] = {}
    for thing, key in zip(things, keys, strict=True):
        groups.setdefault(key, []).append(thing)
    return list(groups.values())
