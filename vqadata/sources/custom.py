"""A file of your own (JSON, JSON lines, CSV or TSV) and a field map that says what is what.

A map is written in YAML (``--map``), given as flags (``--field question=query``), or proposed by
``vqadata map suggest FILE``; see :mod:`vqadata.layouts.field_map` for its form. The licence is the
file's; it can be named with ``--licence``, with a field or with a constant.

One raw record, and a map for it::

    {"qid": 11, "image_name": "synpic42202.jpg", "question": "Is this an axial plane?",
     "answer": "yes", "answer_type": "CLOSED"}

    image: image_name
    question: question
    answer: answer
    question_id: qid
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from vqadata.converting.look import Look, is_keyed
from vqadata.converting.suggest import told_by_fields
from vqadata.errors import OptionError
from vqadata.layouts.field_map import FieldMap, check_map, load_map
from vqadata.layouts.mapped import check_paths, mapped_rows, question_columns, survey_table
from vqadata.layouts.mapped_value import MappedRow
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import image_columns
from vqadata.layouts.table import Table, read_table
from vqadata.layouts.typed import BadRecord, extra_json
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row
from vqadata.steps import Recognition

OWN = ("question_id", "split", "licence")
"""Names of a map whose columns are filled in where the map finds nothing."""


class Custom(RowSource):
    """JSON, JSON-lines, CSV or TSV files of your own, read through a field map."""

    example: ClassVar[str] = "vqadata convert custom data.jsonl --map map.yaml -o shards"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab")

    map: Path | None = Field(
        None,
        description="Field map, a YAML file. vqadata map suggest FILE proposes one.",
        json_schema_extra={"metavar": "MAP.yaml"},
    )
    field: list[str] = Field(
        default_factory=list,
        description="One line of a field map: a canonical name and a dotted path, such as "
        "image=meta.file_name; may be given several times, and wins over --map.",
        json_schema_extra={"metavar": "NAME=PATH"},
    )
    constant: list[str] = Field(
        default_factory=list,
        description="A canonical name and the value that all rows have, such as split=train; may "
        "be given several times, and wins over --map.",
        json_schema_extra={"metavar": "NAME=VALUE"},
    )
    records: str | None = Field(
        None,
        description="Dotted path to the list of records in a JSON document; by default the "
        "document itself, or its only list of objects.",
        json_schema_extra={"metavar": "PATH"},
    )

    @classmethod
    def recognise_any(cls, look: Look) -> Recognition:
        """Tell which field is which by names and values, where that is plain."""
        return told_by_fields(look)

    def side_files(self) -> list[Path]:
        """The map, if there is one."""
        return [self.map] if self.map else []

    def open(self, file: Path) -> Table:
        """Open one file, and see to it that it has the fields that the map names."""
        field_map = self._field_map
        keyed = self.records is None and is_keyed(file)
        table = read_table(file, self.records, self.keep_whole_records, keyed=keyed)
        check_paths(survey_table(table, field_map), field_map, file.name)
        return table

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record, or one an item of a list; see the base class."""
        return mapped_rows(record, members, self._used, _row)

    def identity(self, record: RawRecord, members: dict[str, Any]) -> str | None:
        """What the map calls the id."""
        try:
            return MappedRow(record, members, self._used).text("question_id")
        except BadRecord:
            return None

    @cached_property
    def _field_map(self) -> FieldMap:
        field_map = load_map(self.map, self.field, self.constant)
        check_map(field_map, str(self.map or "field map"))
        if self.answer_policy == "given" and not field_map.keys() & {"answer", "correct_choice"}:
            expected = "a map with answer or correct_choice"
            raise OptionError("--answer-policy", "given, but the map names no answer", expected)
        return field_map

    @cached_property
    def _used(self) -> FieldMap:
        """The map without the names that an option gives: their fields stay in ``extra``."""
        given = {"split": self.split, "licence": self.licence}
        return {name: each for name, each in self._field_map.items() if given.get(name) is None}


def _row(said: MappedRow, rest: dict[str, Any]) -> Row:
    own = {name: said.text(name) for name in OWN}
    return {
        **{name: text for name, text in own.items() if text is not None},
        **image_columns(said.images()),
        **question_columns(said),
        "extra": extra_json(rest),
    }
