"""Documents that hold their questions otherwise than in one list: by split, column or picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.test_told_by_fields import ASKED, converted, name, picture, pictures_in, rows_of
from tests.test_told_by_fields import answer as answer_of
from tests.test_told_by_fields import question as question_of
from vqadata import convert, open_shards, verify
from vqadata.converting.recognition import recognise
from vqadata.errors import VqaDataError
from vqadata.ledger import select_entries
from vqadata.sources.custom import Custom

ROWS = rows_of(image=name, question=question_of, answer=answer_of)
COLUMNS = {key: [row[key] for row in ROWS] for key in ROWS[0]}
BY_ROW = {key: {str(n): value for n, value in enumerate(values)} for key, values in COLUMNS.items()}
SPLIT = {"columns": [*COLUMNS], "index": [0, 1, 2], "data": [[*row.values()] for row in ROWS]}


def put(folder: Path, document: Any, file: str = "data.json") -> Path:
    pictures_in(folder)
    text = json.dumps(document) if file.endswith(".json") else "\n".join(map(json.dumps, document))
    (folder / file).write_text(text)
    return folder / file


@pytest.mark.parametrize("document", [COLUMNS, BY_ROW, SPLIT, {**COLUMNS, "fixed": 1}])
def test_columns_are_read_as_rows(document: Any, tmp_path: Path) -> None:
    records = converted(put(tmp_path / "raw", document), tmp_path / "out")
    assert [(record.text, record.answer) for record in records] == ASKED
    assert [record.origin.index for record in records] == [0, 1, 2]


def test_columns_of_different_lengths_are_refused(tmp_path: Path) -> None:
    file = put(tmp_path / "raw", COLUMNS | {"answer": ["a cat"]})
    with pytest.raises(
        VqaDataError, match="columns of different rows: image 3, question 3, answer"
    ):
        recognise(file)


def test_a_truncated_document_of_columns_says_where(tmp_path: Path) -> None:
    file = put(tmp_path / "raw", COLUMNS)
    file.write_bytes(file.read_bytes()[:-9])
    source = Custom(data=file, field=["image=image", "question=question", "answer=answer"])
    with pytest.raises(VqaDataError, match=r"byte \d+"):
        convert(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_lists_of_splits_keep_their_split(tmp_path: Path) -> None:
    tests = [{"id": 0, "image": "0.png", "question": "Is it night?"}]
    numbered = [{"id": number, **row} for number, row in enumerate(ROWS)]
    document = {"info": {"version": 1}, "test": tests, "training": numbered, "dev": numbered[:1]}
    records = converted(put(tmp_path / "raw", document), tmp_path / "out")
    assert [(record.split, record.question_id, record.answer) for record in records] == [
        ("test", "0", None),
        ("train", "1", "red"),
        ("train", "2", "no"),
        ("train", "train-0", "a cat"),
        ("val", "val-0", "a cat"),
    ]
    assert verify(tmp_path / "out").problems == []


def test_a_fault_in_a_split_is_named_by_its_place(tmp_path: Path) -> None:
    document = {"train": [*ROWS, {"image": "0.png", "question": 7, "answer": "x"}], "val": ROWS[:1]}
    file = put(tmp_path / "raw", document)
    source = Custom(data=file, field=["image=image", "question=question", "answer=answer"])
    convert(source, tmp_path / "out")
    (entry,) = select_entries(tmp_path / "out")
    assert (entry.index, entry.path) == (3, "train[3].question")


def nested(key: str, question: str = "question", answer: str = "answer") -> list[dict[str, Any]]:
    pairs = [{question: asked, answer: said} for asked, said in ASKED]
    return [{"image": "0.png", key: pairs[:2]}, {"image": "1.png", key: pairs[2:]}]


@pytest.mark.parametrize(
    "rows",
    [nested(key) for key in ("qa_pairs", "qas", "questions", "conversations", "annotations")]
    + [nested("QA", "Q", "A"), nested("items", "query", "response")],
)
@pytest.mark.parametrize("file", ["data.json", "data.jsonl"])
def test_questions_listed_under_their_picture(
    rows: list[dict[str, Any]], file: str, tmp_path: Path
) -> None:
    records = converted(put(tmp_path / "raw", rows, file), tmp_path / "out")
    assert [(record.text, record.answer) for record in records] == ASKED
    assert [record.image_path for record in records] == ["0.png", "0.png", "1.png"]
    assert [record.extra for record in records] == [None] * 3


def test_lists_side_by_side(tmp_path: Path) -> None:
    asked, said = zip(*ASKED, strict=True)
    rows = [
        {"image": "0.png", "questions": asked[:2], "answers": said[:2]},
        {"image": "1.png", "questions": asked[2:], "answers": said[2:]},
        {"image": "2.png", "questions": asked[:2], "answers": said[:1]},
    ]
    records = converted(put(tmp_path / "raw", rows), tmp_path / "out")
    assert [(record.text, record.answer) for record in records] == ASKED
    (entry,) = select_entries(tmp_path / "out")
    assert (entry.reason, entry.path, entry.found) == (
        "uneven-lists",
        "[2]",
        "questions 2, answers 1",
    )


def test_one_bad_item_costs_only_itself(tmp_path: Path) -> None:
    rows = nested("qas")
    rows[0] |= {"id": 7, "qas": [{"question": None}, *rows[0]["qas"], 3]}
    file = put(tmp_path / "raw", rows)
    fields = ["image=image", "question=qas.*.question", "answer=qas.*.answer", "question_id=id"]
    convert(Custom(data=file, field=fields), tmp_path / "out")
    kept = sorted(record.question_id for record in open_shards(tmp_path / "out").records())
    assert kept == ["7-1", "7-2", "data-1"]
    entries = [(e.reason, e.path) for e in select_entries(tmp_path / "out")]
    assert entries == [
        ("missing-field", "[0].qas[0].question"),
        ("missing-field", "[0].qas[3].question"),
    ]


def test_lists_in_parquet(tmp_path: Path) -> None:
    asked, said = zip(*ASKED, strict=True)
    table = {
        "image": [{"bytes": picture(0), "path": "0.png"}],
        "questions": [list(asked)],
        "answers": [list(said)],
    }
    tmp_path.joinpath("raw").mkdir()
    pq.write_table(pa.table(table), tmp_path / "raw" / "train.parquet")
    records = converted(tmp_path / "raw", tmp_path / "out")
    assert [(record.text, record.answer) for record in records] == ASKED
