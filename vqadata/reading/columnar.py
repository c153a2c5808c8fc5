"""Opens Parquet files, Arrow files and Arrow streams alike, to be read some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vqadata.errors import VqaDataError
from vqadata.stores.incoming import here

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET_MAGIC = b"PAR1"
ARROW_MAGIC = b"ARROW1"

PAGE_BUFFER = 1 << 20
"""Bytes of a Parquet column that are read at a time."""


class ColumnarFile(NamedTuple):
    """An open Parquet or Arrow file."""

    schema: pa.Schema
    batches: Callable[..., Iterator[pa.RecordBatch]]
    """Gives batches of so many rows, of all columns or of those that are named."""


def open_columnar(path: Path) -> ColumnarFile:
    """Open a Parquet file, an Arrow file or an Arrow stream.

    Raises:
        VqaDataError: It is none of these, or damaged.
    """
    import pyarrow as pa

    try:
        with here(path).open("rb") as file:
            magic = file.read(len(ARROW_MAGIC))
        parquet = magic.startswith(PARQUET_MAGIC)
        opened = _parquet(path) if parquet else _arrow(path, magic == ARROW_MAGIC)
        str(opened.schema)  # names of columns that are no text are found now
        return opened
    except (pa.ArrowException, OSError, ValueError) as error:
        found = f"cannot be read: {str(error).partition(chr(10))[0]}"
        remedy = "Download it again; files of Git LFS are fetched with: git lfs pull"
        raise VqaDataError(str(path), found, "Parquet or Arrow", remedy) from None


def _parquet(path: Path) -> ColumnarFile:
    import pyarrow.parquet as pq

    # Pages are read as they come, and not a whole row group with its neighbours beforehand.
    file = pq.ParquetFile(path, buffer_size=PAGE_BUFFER, pre_buffer=False)
    return ColumnarFile(
        file.schema_arrow, lambda rows, names=None: file.iter_batches(rows, columns=names)
    )


def _arrow(path: Path, is_file: bool) -> ColumnarFile:
    import pyarrow as pa

    mapped = pa.memory_map(str(path))
    reader = pa.ipc.open_file(mapped) if is_file else pa.ipc.open_stream(mapped)

    def batches(rows: int, names: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        whole = map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader
        for batch in whole:
            chosen = batch if names is None else batch.select(names)
            for start in range(0, len(chosen), rows):
                yield chosen.slice(start, rows)

    return ColumnarFile(reader.schema, batches)
