"""One definition of the record: pydantic, Arrow and JSON Schema agree; no schema is an orphan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pytest

from tests.contract import FIXTURES
from tests.schemas import FOLDER, PUBLISHED, text_of
from vqadata.record import Answer, Origin, Record, SoftLabel, record_schema, to_batches

RECORD_SCHEMA = json.loads(text_of("record"))

JSON_TYPES = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_file_equals_model(name: str) -> None:
    path = FOLDER / f"{name}.schema.json"
    assert path.read_text(encoding="utf-8") == text_of(name), "run: python -m tests.schemas"


def test_no_orphan_schema() -> None:
    assert {p.name for p in FOLDER.iterdir()} == {f"{name}.schema.json" for name in PUBLISHED}


def arrow_of(schema: dict[str, Any]) -> tuple[pa.DataType, bool]:
    """The Arrow type that a JSON Schema means, derived on its own, and whether null may stand."""
    if "$ref" in schema:
        schema = RECORD_SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return arrow_of(schema["anyOf"][0])[0], {"type": "null"} in schema["anyOf"]
    if schema["type"] == "array":
        kind, nullable = arrow_of(schema["items"])
        return pa.list_(pa.field("item", kind, nullable)), False
    if schema["type"] == "object":
        return pa.struct(fields_of(schema)), False
    return JSON_TYPES[schema["type"]], False


def fields_of(schema: dict[str, Any]) -> list[pa.Field]:
    return [pa.field(name, *arrow_of(part)) for name, part in schema["properties"].items()]


def test_arrow_schema_equals_json_schema() -> None:
    assert record_schema().equals(pa.schema(fields_of(RECORD_SCHEMA)))


def test_arrow_holds_every_field_of_a_record() -> None:
    record = Record(
        question_id="1",
        image_path="a.png",
        text="What?",
        answer="this",
        answers=[Answer(answer="this", answer_id="1", confidence="yes", raw_answer="This")],
        soft_labels=[SoftLabel(answer="this", score=0.3)],
        choices=["this", "that"],
        correct_choice=0,
        origin=Origin(source="test", file="a.json", index=0),
        extra="{}",
    )
    (batch,) = to_batches([record])
    assert Record.model_validate(batch.to_pylist()[0]) == record


@pytest.mark.parametrize(
    "path", sorted(FIXTURES.glob("*/expected.json")), ids=lambda p: p.parent.name
)
def test_expected_records_fit_the_schema(path: Path) -> None:
    records = json.loads(path.read_text(encoding="utf-8"))["records"]
    assert records
    for record in records:
        jsonschema.validate(record, RECORD_SCHEMA)


def test_schema_refuses_an_unknown_field() -> None:
    with pytest.raises(jsonschema.ValidationError, match="additional"):
        jsonschema.validate({"question_id": "1", "colour": "red"}, RECORD_SCHEMA)
