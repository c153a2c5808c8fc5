"""VLMEvalKit's benchmarks (MMBench, MME, SEED, HallusionBench ...): TSV with pictures in base64.

Format: https://github.com/open-compass/VLMEvalKit, ``docs/en/Development.md`` ("TSV data file").
Licence: the benchmark's own; it can be named with ``--licence``.

A row has ``index``, ``image`` and ``question``; choices stand in ``A``, ``B`` ..., then the answer
is a letter; ``hint`` goes before the question. A picture may be the text of a list of several. Of
rows that share a picture only one has it: the others have its index in the cell. Instead of
pictures there may be names of files, in ``image_path``. Pictures that rows point to are held in
memory.

Quirks: MMBench's circular rows are the same question with its choices turned round, under an index
of its own; test sets have no answers.

One raw record::

    {"index": "1000241", "image": "241", "question": "Which is right?", "hint": "", "A": "left",
     "B": "right", "answer": "B", "category": "attribute", "split": "dev"}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import PrivateAttr

from vqadata.converting.look import FileLook
from vqadata.images.embedded import SHORTEST_BASE64
from vqadata.layouts.field_map import parse_map
from vqadata.layouts.field_profile import is_picture
from vqadata.layouts.mapped import question_columns, unmapped
from vqadata.layouts.mapped_value import MappedRow, is_nothing, parsed_list
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import image_columns
from vqadata.layouts.table import Table, read_table
from vqadata.layouts.typed import MISSING_FIELD, BadRecord, extra_json
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

FIELDS: dict[str, Any] = {
    "question": "question", "question_id": "index", "question_type": "category", "split": "split",
}  # fmt: skip

USED = ("image", "image_path", "hint")

LETTERS = "ABCDEFGHIJ"
"""Columns of choices."""

UNKNOWN_INDEX = "unknown-picture-index"


class VlmEvalKit(RowSource):
    """VLMEvalKit's benchmarks: TSV with pictures in base64, or the index of a row that has it."""

    example: ClassVar[str] = "vqadata convert vlmevalkit MMBench_DEV_EN.tsv -o shards"
    suffixes: ClassVar[tuple[str, ...]] = (".tsv", ".csv")
    signs: ClassVar[frozenset[str]] = frozenset({"index", "image", "question"})
    other_signs: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset({"index", "image_path", "question"}),
    )
    _shared: dict[Path, dict[str, str]] = PrivateAttr(default_factory=dict)

    @classmethod
    def fits(cls, file: FileLook) -> bool:
        """Whether it is a table in this layout."""
        return file.form == "table" and super().fits(file)

    def open(self, file: Path) -> Table:
        """Open one file, and find the pictures that other rows point to."""
        table = read_table(file, None, self.keep_whole_records, ragged=True)
        wanted = {cell for row in table.readable() if (cell := _pointer(row)) is not None}
        self._shared[file] = {
            row["index"]: row["image"]
            for row in (table.readable() if wanted else ())
            if row.get("index") in wanted and row.get("image") and _pointer(row) is None
        }
        return table

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a row; see :class:`~vqadata.layouts.row_source.RowSource`."""
        members = {name: value for name, value in members.items() if not is_nothing(value)}
        letters = [letter for letter in LETTERS if letter in members]
        right = (
            {"choices": letters, "correct_choice": "answer"} if letters else {"answer": "answer"}
        )
        field_map = parse_map(FIELDS | right, "vlmevalkit")
        said = MappedRow(record, members, field_map)
        columns = question_columns(said)
        if isinstance(members.get("hint"), str):
            columns["text"] = f"{members['hint']}\n{columns['text']}"
        rest = unmapped(members, field_map)
        own = {name: said.text(name) for name in ("question_id", "split")}
        row = columns | image_columns(self._pictures(record, members, table))
        row |= {name: value for name, value in own.items() if value is not None}
        return [row | {"extra": extra_json({k: v for k, v in rest.items() if k not in USED})}]

    def _pictures(self, record: RawRecord, members: dict[str, Any], table: Table) -> list[str]:
        """The pictures of a row: those in its cell, or those of the row to which it points."""
        index = _pointer(members)
        cell = members.get("image", members.get("image_path"))
        if index is not None:
            cell = self._shared[table.path].get(index)
            expected = "the index of a row with a picture"
            why = Rejection(UNKNOWN_INDEX, record.at("image"), repr(index), expected)
            if cell is None:
                raise BadRecord(why)
        if not isinstance(cell, str):
            raise BadRecord(Rejection(MISSING_FIELD, record.path, "nothing", "the field 'image'"))
        several = parsed_list(cell) if cell.startswith("[") else [cell]
        return [str(each) for each in several] if isinstance(several, list) else [cell]


def _pointer(members: dict[str, Any]) -> str | None:
    """What a cell says that is too short to be a picture and is no file name either."""
    cell = members.get("image")
    if not isinstance(cell, str) or not 0 < len(cell.strip()) <= SHORTEST_BASE64:
        return None
    return None if cell.startswith("[") or is_picture(cell) else cell
