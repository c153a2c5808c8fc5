"""Values out of Arrow columns, some ten times faster than by Arrow's scalars.

A column becomes two functions, of one row and of a run of rows, that give Python values. Buffers
are looked at through memory views, so nothing is copied but the values themselves. What is asked
for again is decoded as a whole, and then cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

MANY = 4
"""Times that a text comes on average in a record batch to be kept as a number."""


@dataclass(slots=True)
class Cells:
    """The values of a column."""

    one: Callable[[int], Any]
    """Gives the value of a row."""
    run: Callable[[int, int], list[Any]]
    """Gives the values of the rows from the first number to before the second."""


def cells_of(array: pa.Array) -> Cells:
    """The values of an array: text, numbers, lists and structs of them."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_string(kind):
        return _or_none(array, _text(array))
    if pa.types.is_list(kind):
        return _list(array)
    if pa.types.is_struct(kind):
        return _or_none(array, _struct(array))
    values: list[Any] = array.to_pylist()
    return Cells(values.__getitem__, lambda first, last: values[first:last])


def member(array: pa.Array, path: str) -> pa.Array:
    """A member of structs, also inside lists: ``answers.answer`` of questions is a list of texts.

    Args:
        array: Structs.
        path: Names of members, with dots.
    """
    import pyarrow as pa

    name, _, rest = path.partition(".")
    found = array.field(name)
    if not rest:
        return found
    if not pa.types.is_list(found.type):
        return member(found, rest)
    return pa.ListArray.from_arrays(found.offsets, member(found.values, rest))


def offsets_of(array: pa.Array) -> memoryview:
    """Where each value of a list, text or binary array begins, and where the last one ends."""
    end = 4 * (array.offset + len(array) + 1)
    return memoryview(array.buffers()[1])[4 * array.offset : end].cast("i")


def presence(array: pa.Array) -> list[bool]:
    """Whether each value of an array that has nulls is there.

    From the bits themselves: what Arrow computes with takes a tenth of a second to import.
    """
    import numpy as np

    end = array.offset + len(array)
    bits = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8), count=end, bitorder="little")
    found: list[bool] = bits[array.offset :].view(bool).tolist()
    return found


def _or_none(array: pa.Array, cells: Cells) -> Cells:
    if not array.null_count:
        return cells
    present = presence(array)

    def one(row: int) -> Any:
        return cells.one(row) if present[row] else None

    def run(first: int, last: int) -> list[Any]:
        pairs = zip(cells.run(first, last), present[first:last], strict=True)
        return [value if here else None for value, here in pairs]

    return Cells(one, run)


def _text(array: pa.StringArray) -> Cells:
    starts, data = offsets_of(array), memoryview(array.buffers()[2] or b"")

    def one(row: int) -> str:
        return str(data[starts[row] : starts[row + 1]], "utf-8")

    def run(first: int, last: int) -> list[str]:
        return [str(data[a:b], "utf-8") for a, b in pairwise(starts[first : last + 1].tolist())]

    def decoded() -> Cells | None:
        """Cut out of all texts as one, if each of their characters has one byte."""
        try:
            text = str(data[: starts[-1]], "ascii")
        except UnicodeDecodeError:
            return None
        return Cells(
            lambda row: text[starts[row] : starts[row + 1]],
            lambda first, last: [text[a:b] for a, b in pairwise(starts[first : last + 1].tolist())],
        )

    return _asked_again(Cells(one, run), decoded)


def _asked_again(plain: Cells, better: Callable[[], Cells | None]) -> Cells:
    """Cells that are made better when they are asked for a second time.

    Of a record batch of which one row is wanted, all would be gone through for some.
    """
    asked = 0

    def now() -> Cells:
        nonlocal asked
        asked += 1
        if asked == 2 and (found := better()) is not None:
            plain.one, plain.run = cells.one, cells.run = found.one, found.run
        elif asked == 2:
            cells.one, cells.run = plain.one, plain.run
        return plain

    cells = Cells(lambda row: now().one(row), lambda first, last: now().run(first, last))
    return cells


def _list(array: pa.ListArray) -> Cells:
    starts, items = offsets_of(array), cells_of(array.values)

    def one(row: int) -> list[Any]:
        return items.run(starts[row], starts[row + 1])

    def run(first: int, last: int) -> list[list[Any]]:
        cuts = starts[first : last + 1].tolist()
        begin = cuts[0]
        flat = items.run(begin, cuts[-1])
        return [flat[a - begin : b - begin] for a, b in pairwise(cuts)]

    def repeated() -> Cells | None:
        if (texts := _repeated(array.values)) is None:
            return None
        return Cells(
            lambda row: texts[starts[row] : starts[row + 1]],
            lambda first, last: [
                texts[a:b] for a, b in pairwise(starts[first : last + 1].tolist())
            ],
        )

    return _asked_again(Cells(one, run), repeated)


def _repeated(array: pa.Array) -> list[str] | None:
    """Texts of which each comes several times, as answers do; ``None`` if they are not such.

    Each is decoded once, so that rows share it.
    """
    import numpy as np
    import pyarrow as pa

    if not pa.types.is_string(array.type) or array.null_count or not len(array):
        return None
    # Not by the array's own method, which imports all that Arrow computes with: 0.1 s.
    from pyarrow._compute import call_function

    encoded = call_function("dictionary_encode", [array])
    if MANY * len(encoded.dictionary) > len(array):
        return None
    # Through the buffer, as Arrow's own way to NumPy imports pandas.
    numbers = np.frombuffer(encoded.indices.buffers()[1], np.int32, len(array))
    texts: list[str] = np.array(encoded.dictionary.to_pylist(), object)[numbers].tolist()
    return texts


def _struct(array: pa.StructArray) -> Cells:
    names = [field.name for field in array.type]
    members = [cells_of(array.field(number)) for number in range(len(names))]

    def one(row: int) -> dict[str, Any]:
        return {name: cells.one(row) for name, cells in zip(names, members, strict=True)}

    def run(first: int, last: int) -> list[dict[str, Any]]:
        columns = [cells.run(first, last) for cells in members]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    return Cells(one, run)
