"""JSON text seen as an array of bytes: its quotes, its numbers, eight bytes of it at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from vqadata.reading.json_spans import Records

if TYPE_CHECKING:
    import numpy as np

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]

WORD = 8
"""Bytes that are compared at a time."""

BACKSLASH = b"\\"[0]
QUOTE = b'"'[0]
_ZERO = b"0"[0]


def columns_of(matrix: Numbers, columns: list[int]) -> Numbers:
    """Some columns of a matrix, without a copy where they are evenly spaced."""
    import numpy as np

    step = columns[1] - columns[0] if len(columns) > 1 else 1
    if columns == list(range(columns[0], columns[-1] + 1, max(step, 1))):
        return matrix[:, columns[0] : columns[-1] + 1 : step]
    taken: Numbers = np.take(matrix, columns, axis=1)
    return taken


def in_every_column(matrix: Numbers) -> Numbers:
    """Which rows are true in every column; nearly always all of them."""
    import numpy as np

    if matrix.all():
        return np.ones(len(matrix), bool)
    return np.asarray(matrix.all(axis=1))


def stands_at(buffer: Numbers, begins: Numbers, text: bytes, forward: bool) -> Numbers:
    """In which rows a text stands at all offsets.

    Args:
        buffer: The bytes.
        begins: The offsets, of shape (rows, any).
        text: The text.
        forward: See :func:`_words`.
    """
    import numpy as np

    words = np.ndarray((max(len(buffer) - WORD + 1, 0),), "<u8", buffer, strides=(1,))
    fits = np.ones(len(begins), bool)
    for offset, mask, word in _words(text, forward):
        found = words[begins + offset] if offset < 0 else words[offset:][begins]
        fits &= in_every_column((found & mask if mask else found) == word)
    return fits


def _words(text: bytes, forward: bool) -> Iterator[tuple[int, int, int]]:
    """Offset, mask and value of the words that cover a text; a short one is seen in one word.

    Args:
        text: The text.
        forward: Whether a short text is seen with what follows it, not with what stands before it.
    """
    size = len(text)
    if size >= WORD:
        for offset in {*range(0, size - WORD, WORD), size - WORD}:
            yield offset, 0, int.from_bytes(text[offset : offset + WORD], "little")
        return
    shift = 0 if forward else 8 * (WORD - size)
    mask = ((1 << 8 * size) - 1) << shift
    yield (0 if forward else size - WORD), mask, int.from_bytes(text, "little") << shift


def quote_offsets(buffer: Numbers, slashes: Numbers) -> Numbers:
    """The offsets of all quotes before which no odd number of backslashes stands."""
    import numpy as np

    is_quote = buffer == QUOTE
    if len(slashes):
        first = np.flatnonzero(np.diff(slashes, prepend=-2) != 1)
        lengths = np.diff(first, append=len(slashes))
        behind = slashes[first] + lengths
        is_quote[behind[(lengths % 2 == 1) & (behind < len(buffer))]] = False
    return np.flatnonzero(is_quote)


def decoded_text(text: bytes) -> str | None:
    """A JSON text with its quotes as a string; ``None`` if it is not valid."""
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def undecodable(records: Records, rows: Numbers) -> list[int]:
    """Places among ``rows`` of the records that are not UTF-8."""
    if records.text.isascii():
        return []
    try:
        records.text.decode()
    except UnicodeDecodeError:
        return [place for place, row in enumerate(rows.tolist()) if not is_utf8(records[row])]
    return []


def is_utf8(text: bytes) -> bool:
    """Whether bytes are text."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_digits(buffer: Numbers, starts: Numbers, ends: Numbers) -> tuple[Numbers, Numbers]:
    """The numbers in some spans, and which rows have nothing but digits in all of theirs."""
    import numpy as np

    lengths = ends - starts
    values = np.zeros(starts.shape, np.int64)
    good = np.ones(len(starts), bool)
    for place in range(int(lengths.max(initial=0))):
        inside = place < lengths
        digits = buffer[np.where(inside, starts + place, starts)] - _ZERO  # wraps below zero
        good &= in_every_column(digits <= 9)
        values = np.where(inside, values * 10 + digits, values)
    return values, good
