"""The loader's rows as a ``datasets.IterableDataset``, the form that TRL's trainers take.

``images`` is a list of Image features, so that it gives Pillow pictures. Rows are parted over the
workers of a DataLoader batch by batch: if its batches have the loader's size, they are the loader's
batches, in its order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vqadata.errors import MissingExtraError, OptionError
from vqadata.loader.cells import member
from vqadata.loader.plan import Plan
from vqadata.loader.row_reader import Row, RowReader
from vqadata.record import record_schema

if TYPE_CHECKING:
    from datasets import Features, IterableDataset

    from vqadata.loader.loader import Loader


def iterable_dataset(loader: Loader, parts: int) -> IterableDataset:
    """The rows from where a loader is to the end of its epoch.

    Args:
        loader: The loader; its pictures are encoded, or none.
        parts: Workers over which the rows can be parted.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
    """
    try:
        from datasets import IterableDataset
    except ModuleNotFoundError:
        raise MissingExtraError("hugging_face", "datasets", "datasets") from None
    if loader.options.images == "rgb":
        raise OptionError("images", "rgb", "encoded or none: datasets decodes pictures itself")
    return IterableDataset.from_generator(
        _rows,
        features=_features(loader),
        gen_kwargs={
            "plan": loader.plan,
            "reader": loader.reader,
            "index": loader.index,
            "parts": list(range(parts)),
            "of": parts,
        },
    )


def _rows(plan: Plan, reader: RowReader, index: int, parts: list[int], of: int) -> Iterator[Row]:
    for number, share in enumerate(plan.shares(index)):
        if number % of in parts:
            for row in reader.rows(share.rows):
                yield row | {"images": [_image(image) for image in row.get("images", ())]}


def _image(data: Any) -> dict[str, Any] | None:
    return None if data is None else {"bytes": data.tobytes(), "path": None}


def _features(loader: Loader) -> Features:
    import pyarrow as pa
    from datasets import Features, Image, List, Value

    schema = record_schema()
    whole = pa.StructArray.from_arrays([pa.nulls(0, f.type) for f in schema], fields=list(schema))
    kinds = [pa.field(path, member(whole, path).type) for path in loader.options.columns]
    columns = Features.from_arrow_schema(pa.schema(kinds))
    own = {"row": Value("int64"), "padding": Value("bool"), "images": List(Image())}
    return Features({**columns, **own})
