"""Records with the numbers of their pictures: which of them speak of the same ones, in what order.

A number stands for a set of pictures in a split; whoever numbers them is
:class:`vqadata.images.book.PictureBook`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vqadata.images.book import Names

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers

    Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

NUMBER = "picture_number"

MENTION = ["image_path", "more_image_paths", "split"]
"""The columns that say of which pictures of which split a record speaks."""


class Rows(NamedTuple):
    """Records in the order of their pictures. They lie as they came: sorted they would be twice."""

    records: pa.RecordBatch
    places: Numbers
    """Where each of them lies."""
    numbers: Numbers
    """The number of its pictures."""

    @property
    def starts(self) -> Numbers:
        """Where the first record of each set of pictures stands in the order."""
        import numpy as np

        return np.flatnonzero(np.diff(self.numbers, prepend=-1))

    @property
    def firsts(self) -> pa.RecordBatch:
        """What the first record of each set of pictures says of them."""
        import pyarrow as pa

        return self.records.select(MENTION).take(pa.array(self.places[self.starts], pa.int64()))

    def part(self, begin: int, end: int) -> pa.RecordBatch:
        """Some records that stand one after the other; a view where they also lie so."""
        import numpy as np
        import pyarrow as pa

        places = self.places[begin:end]
        if (np.diff(places) == 1).all():
            return self.records.slice(places[0], end - begin)
        return self.records.take(pa.array(places))

    def where(self, stay: Flags) -> Rows:
        """Those for which it is true, in the same order."""
        return self._replace(places=self.places[stay], numbers=self.numbers[stay])


def in_order(numbered: pa.RecordBatch) -> Rows:
    """Records with the numbers of their pictures, in the order of these."""
    import numpy as np

    numbers = numbered.column(NUMBER).to_numpy()
    order = np.argsort(numbers, kind="stable")
    return Rows(numbered.drop_columns([NUMBER]), order, numbers[order])


def distinct(records: pa.RecordBatch) -> tuple[Numbers, Numbers]:
    """The first row of each distinct mention, in order; and for every row, which one it is."""
    import numpy as np
    import pyarrow as pa

    if len(records.column("more_image_paths").flatten()):
        places: dict[object, int] = {}
        codes = np.array([places.setdefault(m, len(places)) for m in mentioned(records)], np.int64)
    else:
        splits = records.column("split").fill_null("\0").dictionary_encode()
        paths = records.column("image_path").fill_null("").dictionary_encode()
        pairs = paths.indices.to_numpy().astype(np.int64) * len(splits.dictionary)
        codes = pa.array(pairs + splits.indices.to_numpy()).dictionary_encode().indices.to_numpy()
    first = np.unique(codes, return_index=True)[1]
    return first, codes


def mentioned(records: pa.RecordBatch) -> list[tuple[Names, str | None]]:
    """The pictures and the split of each record."""
    first = records.column("image_path").to_pylist()
    splits = records.column("split").to_pylist()
    more = records.column("more_image_paths")
    if not len(more.flatten()):
        return [((name,) if name else (), split) for name, split in zip(first, splits, strict=True)]
    return [
        ((name, *others) if name else (), split)
        for name, others, split in zip(first, more.to_pylist(), splits, strict=True)
    ]


def numbered_anew(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Records with the numbers that their pictures have in this batch alone."""
    import pyarrow as pa

    return batch.append_column(NUMBER, pa.array(distinct(batch)[1], pa.int64()))


def numbered_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of such records."""
    import pyarrow as pa

    return schema.append(pa.field(NUMBER, pa.int64()))
