"""Lines of cells without a header, cut at ``|`` or tabs: what stands where is told from the cells.

The lines hold a picture's id, a question and its answer, perhaps a number before them or a category
between. There is no quoting, so a line whose text holds the delimiter has a cell too many; it is
not guessed at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from vqadata.errors import VqaDataError
from vqadata.layouts.field_profile import is_question
from vqadata.layouts.table import StreamTable, Table
from vqadata.layouts.typed import BadRecord
from vqadata.ledger import Rejection
from vqadata.reading.delimited import NOT_UTF8, WRONG_COUNT
from vqadata.reading.inputs import InputFile
from vqadata.reading.json_lines import line_blocks
from vqadata.reading.json_scan import RawRecord
from vqadata.reading.record_stream import End, RecordStream

SAMPLE = 200
"""Lines from which the columns are told."""

_ID = re.compile(r"[\w.-]+")


class Columns(NamedTuple):
    """What the cells of a line are."""

    names: tuple[str, ...]
    """Of ``index``, ``image``, ``category``, ``question`` and ``answer``."""
    delimiter: str


def columns_of(lines: Sequence[str]) -> Columns | None:
    """Tell what the cells of some lines are; ``None`` if they are none of these layouts.

    >>> columns_of(["synpic1|what plane is this?|axial"]).names
    ('image', 'question', 'answer')
    >>> columns_of(["synpic1|no"]) is None
    True
    """
    delimiter = max("|\t", key=lambda mark: sum(line.count(mark) for line in lines))
    rows = [line.split(delimiter) for line in lines]
    (count, _), *_ = Counter(map(len, rows)).most_common(1) or [(0, 0)]
    usual = [row for row in rows if len(row) == count]
    first = ("index",) if count > 2 and all(row[0].strip().isdecimal() for row in usual) else ()
    for middle in ((), ("category",)):
        names = (*first, "image", *middle, "question", "answer")[:count]
        asked = names.index("question") if "question" in names else 0
        if len(names) == count and asked and _fits(usual, names.index("image"), asked):
            return Columns(names, delimiter)
    return None


def _fits(rows: list[list[str]], image: int, question: int) -> bool:
    """Whether most cells that should be ids are of one word, and most others questions."""
    ids = sum(bool(_ID.fullmatch(row[image].strip())) for row in rows)
    questions = sum(is_question(row[question]) for row in rows)
    return 2 * ids > len(rows) and 2 * questions > len(rows)


def read_piped(path: Path, header: dict[str, Any]) -> Table:
    """Read a file of such lines.

    Args:
        path: The file, plain or packed.
        header: What is known of all its records.

    Raises:
        VqaDataError: The file cannot be read, or its lines are of no known layout.
    """
    lines = _Lines(path)
    sample = [line.raw.decode("utf-8", "replace") for line in islice(lines, SAMPLE)]
    columns = columns_of(sample)
    if columns is None:
        raise VqaDataError(
            str(path), f"lines such as {sample[0][:60]!r}" if sample else "an empty file",
            "lines of image|question|answer, image|category|question|answer or image|question",
            "Reference answers alone are put behind their questions first: "
            "join -t '|' <(sort QUESTIONS) <(sort ANSWERS | sed 's/|/#/2g')",
        )  # fmt: skip
    return StreamTable(lines, _decoder(columns), header)


class _Lines(RecordStream):
    """The lines of a file that are not empty. Where a file is cut off cannot be seen."""

    def _read(self, file: InputFile) -> Generator[RawRecord, None, End]:
        number = place = 0
        for text, _ in line_blocks(file, self._block_bytes):
            for place, line in enumerate(text.split(b"\n"), place + 1):  # noqa: B020
                if line.strip():
                    yield RawRecord(number, f"line {place}", line.removesuffix(b"\r"))
                    number += 1
        return End(number)


def _decoder(columns: Columns) -> Callable[[RawRecord], dict[str, Any]]:
    def decode(record: RawRecord) -> dict[str, Any]:
        try:
            cells = record.raw.decode("utf-8").split(columns.delimiter)
        except UnicodeDecodeError as error:
            found = f"byte 0x{record.raw[error.start]:02x}"
            raise BadRecord(Rejection(NOT_UTF8, record.path, found, "UTF-8")) from None
        if len(cells) != len(columns.names):
            expected = f"{len(columns.names)} cells: {', '.join(columns.names)}"
            why = Rejection(WRONG_COUNT, record.path, f"{len(cells)} cells", expected)
            raise BadRecord(why)
        return {name: cell.strip() for name, cell in zip(columns.names, cells, strict=True)}

    return decode
