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

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from vqadata.errors import OptionError
from vqadata.inputs import ledger_names
from vqadata.layouts.field_map import FieldMap, check_map, load_map
from vqadata.layouts.mapped import Rules, map_rows
from vqadata.layouts.table import read_table
from vqadata.ledger import Ledger
from vqadata.record import to_batches
from vqadata.steps import Source

if TYPE_CHECKING:
    import pyarrow as pa

_SUFFIXES = frozenset(".gz .gzip .json .jsonl .ndjson .csv .tsv .tab .txt".split())  # noqa: SIM905


class Custom(Source):
    """A JSON, JSON-lines, CSV or TSV file of your own, read through a field map."""

    example: ClassVar[str] = "vqadata convert custom data.jsonl --map map.yaml -o shards"

    data: Path = Field(
        description="File of records: JSON, JSON lines, CSV or TSV, plain or gzip.",
        json_schema_extra={"argument": True, "metavar": "FILE"},
    )
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

    def input_files(self) -> list[Path]:
        """The file, and the map if there is one."""
        return [self.data] + ([self.map] if self.map else [])

    def batches(self, ledger: Ledger, scratch: Path) -> Iterator[pa.RecordBatch]:
        """Map the records one by one; see :class:`~vqadata.steps.Source`."""
        field_map = self._field_map()
        table = read_table(self.data, self.records, self.keep_whole_records)
        rules = Rules(
            source=self.step_name(),
            file=ledger_names(self.input_files())[self.data],
            stem=_stem(self.data),
            drop_unanswered=self.unanswered == "drop",
            split=self.split,
            licence=self.licence,
        )
        yield from to_batches(map_rows(table, field_map, rules, ledger))

    def _field_map(self) -> FieldMap:
        field_map = load_map(self.map, self.field, self.constant)
        check_map(field_map, str(self.map or "field map"))
        if self.answer_policy == "given" and not field_map.keys() & {"answer", "correct_choice"}:
            expected = "a map with answer or correct_choice"
            raise OptionError("--answer-policy", "given, but the map names no answer", expected)
        return field_map


def _stem(path: Path) -> str:
    """The file's name without its known suffixes."""
    name = Path(path.name)
    while name.suffix.lower() in _SUFFIXES:
        name = name.with_suffix("")
    return name.name
