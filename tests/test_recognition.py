"""Layouts are told by a first look: each fixture by its own source, and no two fit one file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract import build_source, fixture_of
from vqadata.converting.recognition import recognise, source_kinds
from vqadata.errors import VqaDataError
from vqadata.layouts.row_source import RowSource
from vqadata.steps import Source

RealData = Callable[[str], Path]


def can_be_told(kind: type[Source]) -> bool:
    """Whether a source says of files that they are in its layout; others have to be named."""
    if issubclass(kind, RowSource) and kind.recognise.__func__ is RowSource.recognise.__func__:  # type: ignore[attr-defined]
        return bool(kind.signs)
    return kind.recognise.__func__ is not Source.recognise.__func__  # type: ignore[attr-defined]


TOLD = [kind for kind in source_kinds() if can_be_told(kind)]


def bare_fixture(kind: type[Source], out: Path) -> Path:
    """The files of a fixture as users have them, without what the tests put beside them."""
    ours = shutil.ignore_patterns("expected.json", "options.json")
    return Path(shutil.copytree(fixture_of(kind.step_name()), out / "raw", ignore=ours))


def written(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.step_name())
def test_a_fixture_is_its_own_source(kind: type[Source], tmp_path: Path) -> None:
    told = recognise(bare_fixture(kind, tmp_path))
    assert told.source is kind
    assert told.why


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.step_name())
def test_the_files_that_are_told_are_those_of_the_fixture(
    kind: type[Source], tmp_path: Path
) -> None:
    told = recognise(bare_fixture(kind, tmp_path))
    given = build_source(kind.step_name()).input_files()
    found = kind.model_validate(told.options).input_files()
    assert {path.name for path in found} == {path.name for path in given}


OTHERS = {
    "captions": ({"annotations": [{"image_id": 1, "id": 2, "caption": "A dog."}]}, "COCO captions"),
    "captions as published": (
        {
            "info": {}, "images": [{"id": 1, "file_name": "1.jpg"}],
            "annotations": [{"image_id": 1, "id": 2, "caption": "A dog."}],
        },
        "COCO captions",
    ),
    "list of data sets": (
        {"mine": {"file_name": "mine.json", "columns": {"messages": "messages"}}},
        "LLaMA-Factory's list of data sets",
    ),
    "boxes": (
        {"annotations": [{"image_id": 1, "category_id": 3, "bbox": [0, 0, 1, 1]}]},
        "COCO detection",
    ),
    "results": ([{"question_id": 1, "answer": "yes"}], "VQA results"),
    "scene graphs": ({"7": {"width": 1, "height": 2, "objects": {}}}, "scene graphs"),
    "choices": ({"7": {"valid": ["red"], "plausible": ["red"]}}, "GQA choices"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_files_without_questions_are_refused_by_name(name: str, tmp_path: Path) -> None:
    document, words = OTHERS[name]
    path = written(tmp_path / "file.json", document)
    with pytest.raises(VqaDataError, match=words):
        recognise(path)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "imdb.npy"
    path.write_bytes(b"\x80\x04\x95")
    with pytest.raises(VqaDataError, match="pickle") as caught:
        recognise(path)
    assert "export them" in caught.value.remedy


def test_two_layouts_are_refused_with_both_named(tmp_path: Path) -> None:
    vqa = [{"question_id": 1, "image_id": 2, "question": "Is it?"}]
    gqa = {"7": {"question": "Is it?", "imageId": "2"}}
    written(tmp_path / "vqa.json", {"questions": vqa})
    written(tmp_path / "gqa.json", gqa)
    with pytest.raises(VqaDataError, match="several layouts") as caught:
        recognise(tmp_path)
    assert "convert coco-vqa or vqadata convert gqa" in caught.value.remedy


def test_near_misses_are_named_with_what_they_lack(tmp_path: Path) -> None:
    record = {"question_id": 1, "image_id": 2, "question": "Is it?", "choices": ["a"], "x": 1}
    path = written(tmp_path / "file.json", [record])
    with pytest.raises(VqaDataError, match=r"a-okvqa \(lacks difficult_direct_answer\)"):
        recognise(path)


GQA = {"question": "Is it?", "imageId": "2", "isBalanced": True}


@pytest.mark.parametrize(
    "names",
    [
        ("val_all_questions.json", "val_balanced_questions.json"),
        ("val_all_questions.json", "submission_all_questions.json"),
        ("train_all_questions/train_all_questions_0.json", "train_balanced_questions.json"),
    ],
    ids=" ".join,
)
def test_gqa_files_that_repeat_each_other_have_to_be_named(
    names: tuple[str, str], tmp_path: Path
) -> None:
    for name in names:
        written(tmp_path / name, {"7": GQA})
    with pytest.raises(VqaDataError, match=r"a part of all|repeats other splits"):
        recognise(tmp_path)


def test_gqa_splits_are_one_data_set(tmp_path: Path) -> None:
    for name in ("train_balanced_questions.json", "testdev_balanced_questions.json"):
        written(tmp_path / name, {"7": GQA})
    assert len(recognise(tmp_path).options["data"]) == 2


def test_a_bad_line_hides_no_layout(tmp_path: Path) -> None:
    path = tmp_path / "val.json"
    path.write_text(f"{{broken\n{json.dumps(GQA)}\n{json.dumps(GQA)}\n", encoding="utf-8")
    assert recognise(path).source.step_name() == "gqa"


def test_a_list_with_a_record_a_line_is_one_document(tmp_path: Path) -> None:
    path = tmp_path / "val.json"
    path.write_text(f'{{"data": [\n{json.dumps(GQA)},\n{json.dumps(GQA)}\n]}}', encoding="utf-8")
    assert len(recognise(path).options["data"]) == 1


SLAKE = {"qid": 1, "img_name": "x1/source.jpg", "question": "Q?", "answer": "A", "q_lang": "en"}


def test_slake_files_of_single_pictures_do_not_come_again(tmp_path: Path) -> None:
    for name in ("train.json", "imgs/x1/question.json", "imgs/x2/question.json"):
        written(tmp_path / name, [SLAKE])
    told = recognise(tmp_path)
    assert told.options == {"data": [tmp_path / "train.json"]}
    assert told.unread == ["question.json", "question.json"]


def test_vqa_med_questions_do_not_come_again_without_answers(tmp_path: Path) -> None:
    (tmp_path / "Test_Questions.txt").write_text("p1|what is it?\np1|is it?\n")
    answered = tmp_path / "Test_Questions_w_Ref_Answers.txt"
    answered.write_text("p1|organ|what is it?|lung\np1|organ|is it?|no\n")
    assert recognise(tmp_path).options == {"data": [answered]}


def test_a_byte_that_is_not_utf8_hides_no_layout(tmp_path: Path) -> None:
    path = tmp_path / "val.json"
    path.write_bytes(json.dumps({"7": GQA}).encode().replace(b"Is it", b"Is \xe9t"))
    assert recognise(path).source.step_name() == "gqa"


def test_a_file_of_which_nothing_can_be_read_is_named(tmp_path: Path) -> None:
    written(tmp_path / "q.json", [{"question_id": 1, "image_id": 2, "question": "Is it?"}])
    (tmp_path / "a.json").write_text('{"annotations": [{"question_id": 1, "answers": [')
    (tmp_path / "b.json").write_text("")
    assert recognise(tmp_path).unread == [
        "a.json (no record of it can be read)", "b.json (an empty file)"
    ]  # fmt: skip
