"""Several splits in the official VQA layout at once: told apart, joined pair by pair."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import encoded
from vqadata import VqaDataError, convert, open_shards, verify
from vqadata.converting.recognition import recognise
from vqadata.ledger import select_entries
from vqadata.sources.coco_vqa import CocoVqa


def write_split(folder: Path, subset: str, ids: range, answered: bool = True) -> None:
    """The files of one subset, each question about a picture of its own."""
    folder.mkdir(exist_ok=True)
    header = {"data_subtype": subset}
    part = subset.replace("-dev", "")
    questions = [{"question_id": i, "image_id": i, "question": f"What is {i}?"} for i in ids]
    for i in ids:
        (folder / f"COCO_{part}_{i:012d}.jpg").write_bytes(encoded("navy", (16 + i, 12)))
    name = folder / f"v2_OpenEnded_mscoco_{subset}_questions.json"
    name.write_text(json.dumps(header | {"questions": questions}))
    if answered:
        known = [{"question_id": i, "answers": [{"answer": "yes"}] * 10} for i in ids]
        name = folder / f"v2_mscoco_{subset}_annotations.json"
        name.write_text(json.dumps(header | {"annotations": known}))


@pytest.fixture
def vqa_v2(tmp_path: Path) -> Path:
    folder = tmp_path / "vqa"
    write_split(folder, "val2014", range(3))
    write_split(folder, "test2015", range(10, 14), answered=False)
    write_split(folder, "test-dev2015", range(10, 12), answered=False)
    write_split(folder, "train2014", range(20, 25))
    return folder


def test_a_whole_folder_is_read_pair_by_pair(vqa_v2: Path, tmp_path: Path) -> None:
    told = recognise(vqa_v2)
    assert told.unread == ["v2_OpenEnded_mscoco_test-dev2015_questions.json"]
    manifest = convert(told.source(**told.options), tmp_path / "out")
    assert verify(tmp_path / "out").problems == []
    assert manifest.splits == {"test2015": 4, "train2014": 5, "val2014": 3}
    answers = {r.split: r.answer for r in open_shards(tmp_path / "out").records()}
    assert answers == {"test2015": None, "train2014": "yes", "val2014": "yes"}


def test_an_id_that_an_earlier_file_has_is_quarantined(vqa_v2: Path, tmp_path: Path) -> None:
    names = ("test2015", "test-dev2015")
    files = [vqa_v2 / f"v2_OpenEnded_mscoco_{name}_questions.json" for name in names]
    manifest = convert(CocoVqa(questions=files), tmp_path / "out")
    assert verify(tmp_path / "out").problems == []
    assert [b.kept for b in manifest.balance] == [4, 0]
    (first, _) = select_entries(tmp_path / "out", "quarantined")
    assert (first.reason, first.path) == ("duplicate-question-id", "questions[0].question_id")
    assert first.found == f"10, as in {files[0].name}"


def test_two_files_of_one_subset_are_not_guessed_at(vqa_v2: Path) -> None:
    source = vqa_v2 / "v2_OpenEnded_mscoco_val2014_questions.json"
    (vqa_v2 / "MultipleChoice_mscoco_val2014_questions.json").write_bytes(source.read_bytes())
    with pytest.raises(VqaDataError, match="2 questions files of val2014"):
        recognise(vqa_v2)


def test_annotations_without_their_questions_are_named(vqa_v2: Path) -> None:
    (vqa_v2 / "v2_OpenEnded_mscoco_val2014_questions.json").unlink()
    with pytest.raises(VqaDataError, match=r"val2014_annotations\.json goes with no questions"):
        recognise(vqa_v2)


def test_more_annotations_than_questions_are_refused(vqa_v2: Path) -> None:
    with pytest.raises(ValueError, match="no more annotations files"):
        CocoVqa(questions="q.json", annotations=["a.json", "b.json"])


def test_abstract_scenes_have_names_of_their_own(tmp_path: Path) -> None:
    header = {"data_type": "abstract_v002", "data_subtype": "train2015"}
    asked = [{"question_id": 421, "image_id": 42, "question": "Who looks happier?"}]
    path = tmp_path / "OpenEnded_abstract_v002_train2015_questions.json"
    path.write_text(json.dumps(header | {"questions": asked}))
    picture = "abstract_v002_train2015_000000000042.png"
    (tmp_path / picture).write_bytes(encoded())
    convert(CocoVqa(questions=path), tmp_path / "out")
    (record,) = open_shards(tmp_path / "out").records()
    assert record.image_path == picture
