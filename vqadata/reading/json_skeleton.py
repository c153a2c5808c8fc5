"""Reads JSON records that are alike at columnar speed: same members, same order, same spacing.

What a program wrote is the same text again and again, with holes: ``{"image_id": 42, "question":
"What is it?"}`` is ``{"image_id": ``, a number, ``, "question": "``, a text and ``"}``. The
skeleton is learnt from one record. In a block of records the quotes are found at memory speed (a
quote behind a backslash is none); a record with as many quotes as the skeleton is compared with it,
eight bytes at a time, all records at once. Where all literal text is equal, what lies in the holes
are texts and numbers, and they become Arrow columns without a step a record. A record that does not
fit is for somebody else to read; it costs its neighbours nothing.

The text must be valid JSON, so that the first quote of a record opens a text and every other one
closes it; the cutter has proved that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from vqadata.reading.json_bytes import (
    BACKSLASH,
    QUOTE,
    WORD,
    columns_of,
    decoded_text,
    in_every_column,
    is_utf8,
    quote_offsets,
    read_digits,
    stands_at,
    undecodable,
)
from vqadata.reading.json_spans import Records

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]

Item = TypeVar("Item")

MOST_DIGITS = 18
"""Digits of the longest number that is read, which fits 64 bits."""

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
        self._alike_runs = _grouped(self._runs, [(r.text, r.marks) for r in self._runs])
        numbers = [(n, hole) for n, hole in enumerate(self.holes) if not hole.is_text]
        members = [tuple(s for s in hole.path if isinstance(s, str)) for _, hole in numbers]
        self._alike_numbers = _grouped([number for number, _ in numbers], members)

    @classmethod
    def of(cls, record: bytes) -> Skeleton | None:
        """The skeleton of a record; ``None`` if it holds more than texts and whole numbers."""
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
        whole = sum(map(len, texts)) >= WORD and 0 < len(holes) <= MOST_HOLES
        return cls(holes, texts) if marked and distinct and whole else None

    def fit(self, records: Records) -> Fitted:
        """Lay the skeleton over some records, and keep those that fit."""
        import numpy as np

        buffer = np.frombuffer(records.text, np.uint8)
        slashes = np.flatnonzero(buffer == BACKSLASH)
        laid = self._laid(records, quote_offsets(buffer, slashes))
        laid = laid.only(self._is_spaced(laid))
        laid = laid.only(self._is_literal(laid, buffer))
        numbers, fits = self._numbers(laid, buffer)
        texts = self._escaped(laid, slashes)
        fits[[row for (row, _), text in texts.items() if text is None]] = False
        fits[undecodable(records, laid.rows)] = False
        return Fitted(self, laid, numbers, texts).only(fits)

    def spans(self, laid: Laid, holes: list[int]) -> tuple[Numbers, Numbers]:
        """Start and end of some holes, each of shape (rows, holes)."""
        import numpy as np

        before = [self._runs[hole] for hole in holes]
        to_start = np.array([len(run.text) - run.marks[-1] for run in before])
        starts = (
            columns_of(laid.marks, [run.first + len(run.marks) - 1 for run in before]) + to_start
        )
        return starts, self._begins(laid, [self._runs[hole + 1] for hole in holes])

    def _begins(self, laid: Laid, runs: list[_Run]) -> Numbers:
        """Where some literal texts begin, of shape (rows, runs)."""
        import numpy as np

        if not runs[-1].marks:
            last = laid.ends[:, None] - len(runs[-1].text)
            return np.hstack([self._begins(laid, runs[:-1]), last]) if runs[:-1] else last
        begins: Numbers = columns_of(laid.marks, [run.first for run in runs])
        to_start = [run.marks[0] for run in runs]
        return begins - np.array(to_start) if any(to_start) else begins

    def _laid(self, records: Records, quotes: Numbers) -> Laid:
        """The records with as many quotes as the skeleton."""
        import numpy as np

        first = np.searchsorted(quotes, records.starts)
        counts = np.searchsorted(quotes, records.ends) - first
        fits = (counts == self._marks) & records.proved
        rows = np.flatnonzero(fits)
        if counts.sum() == len(quotes):
            inside = quotes if fits.all() else quotes[np.repeat(fits, counts)]
            marks = inside.reshape(len(rows), self._marks)
        else:
            marks = quotes[first[rows][:, None] + np.arange(self._marks)]
        return Laid(records.text, rows, records.starts[rows], records.ends[rows], marks)

    def _is_spaced(self, laid: Laid) -> Numbers:
        """Which records have their marks where literal text and short numbers put them."""
        first, last = self._runs[0], self._runs[-1]
        fits: Numbers = laid.marks[:, 0] - first.marks[0] == laid.starts
        fits &= self._begins(laid, [last])[:, 0] + len(last.text) == laid.ends
        for runs in self._alike_runs:
            marks = runs[0].marks
            if len(marks) > 1:
                begins = columns_of(laid.marks, [run.first for run in runs])
                ends = columns_of(laid.marks, [run.first + len(marks) - 1 for run in runs])
                fits &= in_every_column(ends - begins == marks[-1] - marks[0])
        for holes in self._alike_numbers:
            starts, ends = self.spans(laid, holes)
            lengths = ends - starts
            fits &= in_every_column((lengths > 0) & (lengths <= MOST_DIGITS))
        return fits

    def _is_literal(self, laid: Laid, buffer: Numbers) -> Numbers:
        """Which records have the literal text of the skeleton; they are spaced as it wants."""
        import numpy as np

        fits = np.ones(len(laid.rows), bool)
        for runs in self._alike_runs:
            is_first = runs[0] is self._runs[0]
            fits &= stands_at(buffer, self._begins(laid, runs), runs[0].text, is_first)
        return fits

    def _numbers(self, laid: Laid, buffer: Numbers) -> tuple[dict[int, Numbers], Numbers]:
        """The values of the holes that are numbers; which records have nothing but digits there."""
        import numpy as np

        values: dict[int, Numbers] = {}
        fits = np.ones(len(laid.rows), bool)
        for holes in self._alike_numbers:
            found, good = read_digits(buffer, *self.spans(laid, holes))
            values |= {hole: found[:, place] for place, hole in enumerate(holes)}
            fits &= good
        return values, fits

    def _escaped(self, laid: Laid, slashes: Numbers) -> dict[tuple[int, int], str | None]:
        """The texts that hold escapes, by row and hole; ``None`` where they are not valid."""
        import numpy as np

        opening = {
            run.first + len(run.marks) - 1: number
            for number, (run, hole) in enumerate(zip(self._runs, self.holes, strict=False))
            if hole.is_text
        }
        flat = laid.marks.ravel()
        before = np.searchsorted(flat, slashes) - 1
        texts = {}
        for mark in np.unique(before[before >= 0]).tolist():
            row, number = divmod(mark, self._marks)
            if number in opening:
                text = laid.text[flat[mark] : flat[mark + 1] + 1]
                texts[row, opening[number]] = decoded_text(text)
        return texts


class Laid(NamedTuple):
    """Records over which a skeleton is laid."""

    text: bytes
    rows: Numbers
    """Number of each among the records that came."""
    starts: Numbers
    ends: Numbers
    marks: Numbers
    """Offsets of their quotes, of shape (rows, marks)."""

    def only(self, fits: Numbers) -> Laid:
        """Those for which ``fits`` is true."""
        if fits.all():
            return self
        return Laid(self.text, *(column[fits] for column in self[1:]))


class Fitted:
    """Records that fit a skeleton: what lies in the holes of each.

    Args:
        skeleton: The skeleton.
        laid: The records.
        numbers: The values of the holes that are numbers, by the hole.
        texts: The texts with escapes, by row and hole.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        laid: Laid,
        numbers: dict[int, Numbers],
        texts: dict[tuple[int, int], str | None],
    ) -> None:
        """Keep what was found."""
        self._skeleton, self._laid = skeleton, laid
        self._numbers, self._texts = numbers, texts

    @property
    def rows(self) -> Numbers:
        """Numbers of the records, ascending, among those that came."""
        return self._laid.rows

    def only(self, fits: Numbers) -> Fitted:
        """Those of the records for which ``fits`` is true."""
        import numpy as np

        if fits.all():
            return self
        places = np.cumsum(fits) - 1
        texts = {
            (int(places[row]), hole): text for (row, hole), text in self._texts.items() if fits[row]
        }
        numbers = {hole: values[fits] for hole, values in self._numbers.items()}
        return Fitted(self._skeleton, self._laid.only(fits), numbers, texts)

    def texts(self, holes: list[int]) -> pa.StringArray:
        """What lies in some holes as text, row by row: of length rows x holes."""
        import numpy as np
        import pyarrow as pa

        # Offsets alternate between begin and end of a text, so every other value is one.
        offsets = np.empty((len(self.rows), len(holes), 2), np.int32)
        offsets[:, :, 0], offsets[:, :, 1] = self._skeleton.spans(self._laid, holes)
        if not offsets.size:
            return pa.array([], pa.string())
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self._laid.text)]
        parts = pa.Array.from_buffers(pa.string(), offsets.size - 1, buffers)
        texts = parts.take(pa.array(np.arange(0, offsets.size, 2, dtype=np.int32)))
        return self._unescaped(texts, holes)

    def integers(self, hole: int) -> pa.Int64Array:
        """The numbers in a hole."""
        import pyarrow as pa

        return pa.array(self._numbers[hole])

    def _unescaped(self, texts: pa.StringArray, holes: list[int]) -> pa.StringArray:
        """With the texts that hold escapes decoded."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        place = {hole: number for number, hole in enumerate(holes)}
        found = {
            row * len(holes) + place[hole]: text
            for (row, hole), text in self._texts.items()
            if hole in place
        }
        if not found:
            return texts
        rows = sorted(found)
        mask = np.zeros(len(texts), bool)
        mask[rows] = True
        return pc.replace_with_mask(
            texts, mask, pa.array([found[row] for row in rows], pa.string())
        )


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


def _grouped(things: Sequence[Item], keys: Sequence[object]) -> list[list[Item]]:
    """Things of equal key together."""
    groups: dict[object, list[Item]] = {}
    for thing, key in zip(things, keys, strict=True):
        groups.setdefault(key, []).append(thing)
    return list(groups.values())
