"""Copies of data sets that circulate: other forms, spellings and ids; nothing is lost silently."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import encoded
from vqadata import convert, open_shards, sources, verify
from vqadata.discover import find
from vqadata.errors import VqaDataError
from vqadata.record import Record
from vqadata.steps import Source

PICTURE = encoded(size=(40, 30))
EXPORTED = {"bytes": base64.b64encode(PICTURE).decode(), "path": None}

VISUAL7W_QA = {"qa_id": 3, "question": "What?", "answer": "B.", "multiple_choices": ["C.", "A."]}
RECORDS: dict[str, dict[str, Any]] = {
    "gqa": {"question": "Is it?", "imageId": "p", "answer": "no"},
    "textvqa": {
        "question": "What?", "question_id": 3, "image_id": "p", "answers": ["a"] * 10,
        "set_name": "val",
    },
    "vizwiz": {"image": "p.png", "question": "What?", "answers": [{"answer": "a"}]},
    "docvqa": {"questionId": 3, "question": "What?", "image": "p.png", "answers": ["a", "b"]},
    "scienceqa": {
        "question": "Q?", "choices": ["a", "b"], "answer": 0, "image": "p.png", "hint": "h",
        "lecture": "l", "solution": "s",
    },
    "visual-genome": {
        "id": 1, "image": "p.png", "qas": [{"qa_id": 3, "question": "What?", "answer": "A dog."}],
    },
    "visual7w": {"image_id": 1, "filename": "p.png", "qa_pairs": [VISUAL7W_QA]},
}  # fmt: skip
"""One record of each source, as short as it may be."""

NAMES = pytest.mark.parametrize("name", RECORDS)


class Folder:
    """Writes a file, converts it, and gives the records that are kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "p.png").write_bytes(PICTURE)

    def source(self, name: str, text: str, file: str, **options: Any) -> Source:
        (self.path / file).write_text(text, encoding="utf-8")
        kind = find(sources, Source, name)
        given = {"data": [self.path / file], "image_root": [self.path]} | options
        return kind.model_validate(given)

    def records(
        self, name: str, document: Any, file: str = "val.json", **options: Any
    ) -> list[Record]:
        text = document if isinstance(document, str) else json.dumps(document)
        manifest = convert(self.source(name, text, file, **options), self.path / "out")
        assert verify(self.path / "out").problems == []
        assert manifest.quarantined == 0
        return list(open_shards(self.path / "out").records())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@NAMES
def test_a_list_of_records(name: str, folder: Folder) -> None:
    (record,) = folder.records(name, [RECORDS[name]])
    assert record.answer
    assert record.split == "val"


@NAMES
def test_lines_of_records(name: str, folder: Folder) -> None:
    second = json.loads(json.dumps(RECORDS[name]).replace('_id": 3', '_id": 4'))
    second["questionId"] = 4
    lines = f"{json.dumps(RECORDS[name])}\n{json.dumps(second)}\n"
    if name == "vizwiz":
        lines = lines.replace("p.png", "q.png", 1)
        (folder.path / "q.png").write_bytes(encoded("teal"))
    assert len(folder.records(name, lines, "val.jsonl")) == 2


@NAMES
def test_keys_in_another_spelling(name: str, folder: Folder) -> None:
    shouted = {key.replace("_", "").upper(): value for key, value in RECORDS[name].items()}
    (record,) = folder.records(name, [shouted])
    assert record.answer
    assert "answer" not in (record.extra or "").lower()


@NAMES
def test_an_extra_key_is_kept(name: str, folder: Folder) -> None:
    (record,) = folder.records(name, [RECORDS[name] | {"annotator": {"age": 30}}])
    assert json.loads(record.extra or "{}")["annotator"] == {"age": 30}


@pytest.mark.parametrize("name", ["vizwiz", "docvqa", "scienceqa", "visual-genome"])
def test_a_picture_inside_the_record(name: str, folder: Folder) -> None:
    (record,) = folder.records(name, [RECORDS[name] | {"image": EXPORTED}])
    (row,) = (batch.to_pylist()[0] for batch in open_shards(folder.path / "out").batches())
    assert row["images"][0]["bytes"] == PICTURE
    assert record.text


@pytest.mark.parametrize("name", ["gqa", "scienceqa"])
def test_an_object_of_records_on_one_line(name: str, folder: Folder) -> None:
    options = {"image_name": "{image}"} if name == "scienceqa" else {}
    records = folder.records(name, {"7": RECORDS[name], "8": RECORDS[name]}, **options)
    assert {record.question_id for record in records} == {"7", "8"}


def test_gqa_in_a_list_names_its_ids(folder: Folder) -> None:
    listed = [RECORDS["gqa"] | {"id": 201307251}, RECORDS["gqa"] | {"questionId": "0202"}]
    assert [r.question_id for r in folder.records("gqa", listed)] == ["201307251", "0202"]


def test_vizwiz_with_plain_answers_and_ids(folder: Folder) -> None:
    copy = RECORDS["vizwiz"] | {"answers": ["unsuitable", "a", "unsuitable"], "question_id": "v_1"}
    (record,) = folder.records("vizwiz", [copy])
    assert (record.question_id, record.answer, record.unanswerable) == ("v_1", "unsuitable", True)


def test_scienceqa_without_its_context(folder: Folder) -> None:
    (record,) = folder.records("scienceqa", [RECORDS["scienceqa"]], context=False)
    assert record.text == "Q?"
    assert json.loads(record.extra or "{}") == {"hint": "h"}
    assert record.rationales == ["s", "l"]


def test_scienceqa_with_flat_pictures(folder: Folder) -> None:
    (folder.path / "train_7.png").write_bytes(PICTURE)
    problems = {"7": RECORDS["scienceqa"] | {"split": "train", "image": "image.png"}}
    (record,) = folder.records("scienceqa", problems, image_name="{split}_{id}.png")
    assert record.image_path == "train_7.png"


def test_scienceqa_without_pictures_keeps_texts_on_request(folder: Folder) -> None:
    problems = {"7": RECORDS["scienceqa"] | {"image": None}}
    (record,) = folder.records("scienceqa", problems, text_only="keep")
    assert record.image_path is None


def test_scienceqa_refuses_a_template_and_splits_that_are_none(folder: Folder) -> None:
    with pytest.raises(ValueError, match="template"):
        folder.source("scienceqa", "{}", "x.json", image_name="{nothing}.png")
    (folder.path / "pid_splits.json").write_text('{"train": "all"}')
    source = folder.source(
        "scienceqa", json.dumps([RECORDS["scienceqa"]]), "x.json",
        pid_splits=folder.path / "pid_splits.json",
    )  # fmt: skip
    with pytest.raises(VqaDataError, match="lists of ids by split"):
        convert(source, folder.path / "out")


def test_docvqa_pages_stay_in_their_order(folder: Folder) -> None:
    for page, colour in enumerate(("navy", "teal", "olive")):
        (folder.path / f"d_p{page}.jpg").write_bytes(encoded(colour, kind="JPEG"))
    pages = {"page_ids": ["d_p2", "d_p0", "d_p1"], "answer_page_idx": 0, "image": None}
    (record,) = folder.records("docvqa", [RECORDS["docvqa"] | pages])
    assert [record.image_path, *record.more_image_paths] == ["d_p2.jpg", "d_p0.jpg", "d_p1.jpg"]


def test_docvqa_trains_on_the_first_spelling(folder: Folder) -> None:
    (record,) = folder.records("docvqa", [RECORDS["docvqa"]])
    assert (record.answer, len(record.answers)) == ("a", 2)


def test_visual_genome_in_one_question_a_record(folder: Folder) -> None:
    flat = {"qa_id": 5, "image_id": "p", "question": "What?", "answer": "A dog."}
    (record,) = folder.records("visual-genome", [flat], full_stop="keep")
    assert (record.question_id, record.image_path, record.answer) == ("5", "p.jpg", "A dog.")


def test_visual7w_choices_do_not_tell_the_answer_by_their_place(folder: Folder) -> None:
    (record,) = folder.records("visual7w", {"dataset": "x", "images": [RECORDS["visual7w"]]})
    assert (record.choices, record.correct_choice) == (["A", "B", "C"], 1)


def test_textvqa_takes_each_ocr_file(folder: Folder) -> None:
    for name, image_id in (("a.json", "z"), ("b.json", "p")):
        found = [{"image_id": image_id, "ocr_tokens": [name], "ocr_info": []}]
        (folder.path / name).write_text(json.dumps({"data": found}))
    ocr = [folder.path / "a.json", folder.path / "b.json"]
    (record,) = folder.records("textvqa", {"data": [RECORDS["textvqa"]]}, ocr=ocr)
    assert json.loads(record.extra or "{}")["ocr"]["ocr_tokens"] == ["b.json"]
    assert open_shards(folder.path / "out").manifest.flags == {"record-without-question": 1}
