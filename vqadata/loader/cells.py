"""Values out of Arrow columns, some ten times faster than by Arrow's scalars.

A column becomes a function from a run of rows to their Python values. Buffers are looked at through
memory views, so nothing is copied but the values themselves; the texts of a run are decoded at
once and then cut.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

MANY = 4
"""Times that a text comes on average in a record batch to be kept as a number."""

Cells: TypeAlias = "Callable[[int, int], list[Any]]"
"""Gives the values of the rows from the first number to before the second."""


def cells_of(array: pa.Array) -> Cells:
    """The function that gives values of an array: text, numbers, lists and structs of them."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_string(kind):
        return _or_none(array, _text(array))
    if pa.types.is_list(kind):
        return _list(offsets_of(array), _repeated(array.values) or cells_of(array.values))
    if pa.types.is_struct(kind):
        return _or_none(array, _struct(array))
    values: list[Any] = array.to_pylist()
    return lambda first, last: values[first:last]


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


def _or_none(array: pa.Array, cells: Cells) -> Cells:
    if not array.null_count:
        return cells
    present = array.is_valid().to_pylist()

    def known(first: int, last: int) -> list[Any]:
        pairs = zip(cells(first, last), present[first:last], strict=True)
        return [value if here else None for value, here in pairs]

    return known


def _text(array: pa.StringArray) -> Cells:
    starts, data = offsets_of(array), memoryview(array.buffers()[2] or b"")

    def cells(first: int, last: int) -> list[str]:
        if last == first + 1:
            return [str(data[starts[first] : starts[last]], "utf-8")]
        cuts = starts[first : last + 1].tolist()
        begin, end = cuts[0], cuts[-1]
        text = str(data[begin:end], "utf-8")
        if len(text) != end - begin:  # Some character has several bytes.
            return [str(data[a:b], "utf-8") for a, b in pairwise(cuts)]
        if begin:
            cuts = [cut - begin for cut in cuts]
        return [text[a:b] for a, b in pairwise(cuts)]

    return cells


def _repeated(array: pa.Array) -> Cells | None:
    """Texts of which each comes several times, as answers do; ``None`` if they are not such.

    Each is decoded once, so that rows share it.
    """
    import numpy as np
    import pyarrow as pa

    if not pa.types.is_string(array.type) or array.null_count or not len(array):
        return None
    encoded = array.dictionary_encode()
    if MANY * len(encoded.dictionary) > len(array):
        return None
    kind = np.uint32 if len(encoded.dictionary) >> 16 else np.uint16
    # Through the buffer, as Arrow's own way to NumPy imports pandas.
    numbers = np.frombuffer(encoded.indices.buffers()[1], np.int32, len(array)).astype(kind)
    word, places = encoded.dictionary.to_pylist().__getitem__, memoryview(numbers.data)
    return lambda first, last: list(map(word, places[first:last]))


def _list(starts: memoryview, items: Cells) -> Cells:
    def cells(first: int, last: int) -> list[list[Any]]:
        if last == first + 1:
            return [items(starts[first], starts[last])]
        cuts = starts[first : last + 1].tolist()
        begin = cuts[0]
        values = items(begin, cuts[-1])
        return [values[a - begin : b - begin] for a, b in pairwise(cuts)]

    return cells


def _struct(array: pa.StructArray) -> Cells:
    names = [field.name for field in array.type]
    members = [cells_of(array.field(number)) for number in range(len(names))]

    def cells(first: int, last: int) -> list[dict[str, Any]]:
        columns = [values(first, last) for values in members]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    return cells
