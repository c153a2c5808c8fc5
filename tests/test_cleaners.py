"""Cleaners and the ledger that goes on through them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import VqaFiles, encoded
from vqadata import clean, cleaners, convert, explain, open_shards, verify
from vqadata.cleaners.audit import Audit
from vqadata.cleaners.duplicate import Duplicate, normalised
from vqadata.cleaning.cleaning import choose_cleaners, cleaner_kinds
from vqadata.discover import names
from vqadata.errors import OptionError
from vqadata.ledger import LedgerEntry, select_entries
from vqadata.sources.coco_vqa import CocoVqa


@pytest.fixture
def vqa_files(vqa_files: VqaFiles) -> VqaFiles:
    """The files with pictures that nothing can be said against."""
    for number in range(3):
        data = encoded(["navy", "teal", "maroon"][number], (30 + number, 30), "JPEG")
        vqa_files.picture(number).write_bytes(data)
    return vqa_files


def cleaned(files: VqaFiles, folder: Path, *chosen: object) -> list[LedgerEntry]:
    """The ledger after converting and cleaning with the given cleaners."""
    convert(CocoVqa(**files.write()), folder / "raw-shards")
    clean(folder / "raw-shards", folder / "clean", chosen or None)  # type: ignore[arg-type]
    assert verify(folder / "clean").problems == []
    return list(select_entries(folder / "clean"))


def ids(folder: Path) -> list[str]:
    return sorted(record.question_id for record in open_shards(folder / "clean").records())


def answer_all(files: VqaFiles, question: int, text: str) -> None:
    for answer in files.annotations[question]["answers"]:
        answer["answer"] = text


@pytest.mark.parametrize("name", names(cleaners))
def test_clean_data_pass_untouched(name: str, vqa_files: VqaFiles, tmp_path: Path) -> None:
    (kind,) = choose_cleaners([name])
    assert cleaned(vqa_files, tmp_path, kind()) == []
    assert ids(tmp_path) == list("012345")


def test_a_repeated_question_is_dropped_and_names_the_first(
    vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.questions[3]["question"] = "question  number 0 ?"  # of the same picture as 0
    (entry,) = cleaned(vqa_files, tmp_path, Duplicate())
    assert (entry.action, entry.reason, entry.question_id) == ("dropped", "duplicate", "3")
    assert entry.evidence == "same picture, question and answer as question 0"
    assert (entry.file, entry.index, entry.step) == ("questions.json", 3, "duplicate")
    assert ids(tmp_path) == list("01245")


def test_same_question_about_another_picture_is_none(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.questions[1]["question"] = vqa_files.questions[0]["question"]
    assert cleaned(vqa_files, tmp_path, Duplicate()) == []


def test_same_bytes_under_another_name_are_the_same_picture(
    vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.picture(1).write_bytes(vqa_files.picture(0).read_bytes())
    vqa_files.questions[1]["question"] = vqa_files.questions[0]["question"]
    (entry,) = cleaned(vqa_files, tmp_path, Duplicate())
    assert (entry.reason, entry.question_id) == ("duplicate", "1")


@pytest.mark.parametrize("conflicts", ["flag", "drop"])
def test_another_answer_is_a_conflict(conflicts: str, vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.questions[3]["question"] = vqa_files.questions[0]["question"]
    answer_all(vqa_files, 3, "no")
    (entry,) = cleaned(vqa_files, tmp_path, Duplicate(conflicts=conflicts))
    assert (entry.reason, entry.found, entry.expected) == ("conflict", "no", "yes")
    assert entry.action == {"flag": "flagged", "drop": "dropped"}[conflicts]
    assert ("3" in ids(tmp_path)) == (conflicts == "flag")


def test_the_same_in_two_splits_is_not_a_duplicate(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.questions[3]["question"] = vqa_files.questions[0]["question"]
    vqa_files.questions[3]["split"] = "test"
    assert cleaned(vqa_files, tmp_path, Duplicate()) == []


def test_pictures_above_the_budget_are_dropped(vqa_files: VqaFiles, tmp_path: Path) -> None:
    entries = cleaned(vqa_files, tmp_path, Audit(max_pixels=31 * 30))
    assert {entry.question_id for entry in entries} == {"2", "5"}
    assert {(entry.reason, entry.found) for entry in entries} == {
        ("too-many-pixels", "32 x 30 pixels")
    }


def test_the_ledger_goes_on_from_step_to_step(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.questions[5]["question"] = 7  # quarantined by convert
    vqa_files.picture(1).write_bytes(b"\0" * 500)  # drops 1 and 4
    vqa_files.questions[3]["question"] = vqa_files.questions[0]["question"]  # a duplicate
    entries = cleaned(vqa_files, tmp_path)
    lost = Counter((e.step, e.action, e.reason) for e in entries if e.action != "flagged")
    assert lost == {
        ("convert", "quarantined", "wrong-type"): 1,
        ("audit", "dropped", "not-a-picture"): 2,
        ("duplicate", "dropped", "duplicate"): 1,
        ("convert", "dropped", "answers-without-question"): 1,
    }
    manifest = open_shards(tmp_path / "clean").manifest
    steps = [(step.step, step.name) for step in manifest.steps]
    assert steps == [
        ("convert", "coco-vqa"),
        *(("clean", kind.step_name()) for kind in cleaner_kinds() if not kind().is_idle),
    ]  # fmt: skip
    assert [(b.seen, b.kept) for b in manifest.balance] == [(6, 2), (6, 2)]
    parent = open_shards(tmp_path / "raw-shards").digest
    assert manifest.steps[1].parent == parent
    assert [e.step for e in explain("3", tmp_path / "clean").entries] == ["duplicate"]


def test_cleaners_are_chosen_by_name() -> None:
    assert choose_cleaners(["duplicate", "audit"]) == [Audit, Duplicate]
    assert choose_cleaners(skip=["duplicate"]) == [k for k in cleaner_kinds() if k != Duplicate]
    with pytest.raises(OptionError, match=r"one of .*audit, .*duplicate"):
        choose_cleaners(["dedup"])


def test_a_cleaner_may_be_used_twice(vqa_files: VqaFiles, tmp_path: Path) -> None:
    convert(CocoVqa(**vqa_files.write()), tmp_path / "raw-shards")
    cleaner = Duplicate()
    for name in ("one", "two"):
        assert clean(tmp_path / "raw-shards", tmp_path / name, [cleaner]).questions == 6


def test_normalised_question() -> None:
    assert normalised(" Is  THIS a cat?! ") == "is this a cat"
