"""JSON text seen as an array of bytes: its quotes, its numbers, what stands between offsets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from vqadata.reading.json_spans import Records

if TYPE_CHECKING:
    import numpy as np

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]

FEW_SLASHES = 10
"""Backslashes are few if one in two to this power of the bytes is one."""

BACKSLASH = b"\\"
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


def slash_offsets(text: bytes, buffer: Numbers) -> Numbers:
    """The offsets of all backslashes; where they are few they are looked for one by one."""
    import numpy as np

    found = [-1]
    while len(found) <= len(text) >> FEW_SLASHES:
        found.append(text.find(BACKSLASH, found[-1] + 1))
        if found[-1] < 0:
            return np.array(found[1:-1], np.int64)
    return np.flatnonzero(buffer == BACKSLASH[0])


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


def are_whole(buffer: Numbers, starts: Numbers, ends: Numbers) -> Numbers:
    """Which rows have whole numbers as JSON writes them in all of their spans, none of them empty.

    They are nothing but digits, and the first one is no zero unless it is the only one.
    """
    import numpy as np

    good = np.ones(len(starts), bool)
    for place, digits in enumerate(_digits(buffer, starts, ends)):
        good &= in_every_column(digits <= 9)
        if not place:
            good &= in_every_column((digits > 0) | (ends - starts == 1))
    return good


def read_digits(buffer: Numbers, starts: Numbers, ends: Numbers) -> Numbers:
    """The numbers in some spans, which must hold nothing but digits."""
    import numpy as np

    lengths = ends - starts
    values: Numbers = np.zeros(starts.shape, np.int64)
    for place, digits in enumerate(_digits(buffer, starts, ends)):
        values = np.where(place < lengths, values * 10 + digits, values)
    return values


def _digits(buffer: Numbers, starts: Numbers, ends: Numbers) -> Iterator[Numbers]:
    """The digits at each place of some spans; the first one again behind the end of a span."""
    import numpy as np

    lengths = ends - starts
    shortest, longest = (lengths.min(), lengths.max()) if lengths.size else (0, 0)
    for place in range(int(longest)):
        at = starts + place
        if place >= shortest:
            at = np.where(place < lengths, at, starts)
        yield buffer[at] - _ZERO  # wraps below zero
