"""Real files in users' layouts: the account adds up to what the files hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vqadata import convert, export, open_shards, verify
from vqadata.exports.vqa_v2 import VqaV2
from vqadata.layouts.vqa_source import VqaSource
from vqadata.reading.inputs import read_input
from vqadata.shards.manifest import Manifest
from vqadata.sources.coco_vqa import CocoVqa
from vqadata.sources.gqa import Gqa
from vqadata.sources.ok_vqa import OkVqa
from vqadata.sources.visual_genome import VisualGenome
from vqadata.steps import Source

RealData = Callable[[str], Path]


def files(folder: Path, part: str) -> dict[str, Path]:
    """The question and annotation file of a folder, by a part of their names."""
    found = [path for path in sorted(folder.iterdir()) if part in path.name.lower()]
    return {
        "questions": next(path for path in found if "question" in path.name.lower()),
        "annotations": next(path for path in found if "annot" in path.name.lower()),
    }


def converted(source: Source, out: Path) -> dict[str, tuple[int, int, dict[str, int]]]:
    manifest: Manifest = convert(source, out)
    assert verify(out).problems == []
    assert manifest.quarantined == 0
    return {b.file: (b.seen, b.kept, b.dropped) for b in manifest.balance}


def values(out: Path, column: str) -> list[Any]:
    return list(open_shards(out).questions([column])[column].to_pylist())


def test_vqa_v2_without_pictures(real_data: RealData, tmp_path: Path) -> None:
    given = files(real_data("vqa_v2_60k"), "valid")
    source = CocoVqa(**given, split="val", missing_pictures="keep")
    balance = converted(source, tmp_path / "out")
    assert list(balance.values()) == [(8_977, 8_977, {})] * 2
    assert {len(answers) for answers in values(tmp_path / "out", "answers")} == {10}
    dropped = converted(CocoVqa(**given, split="val"), tmp_path / "dropped")
    assert list(dropped.values()) == [(8_977, 0, {"missing-picture": 8_977})] * 2


def test_vqa_v2_excerpt_with_pictures(real_data: RealData, tmp_path: Path) -> None:
    folder = real_data("vqav2_fixture")
    balance = converted(CocoVqa(**files(folder, ".json")), tmp_path / "out")
    assert {(seen, kept) for seen, kept, _ in balance.values()} == {(3, 3)}


def test_textvqa_in_vqa_layout(real_data: RealData, tmp_path: Path) -> None:
    source = CocoVqa(**files(real_data("textvqa"), ".json"), missing_pictures="keep")
    balance = converted(source, tmp_path / "out")
    assert list(balance.values()) == [(5_000, 5_000, {})] * 2
    assert all(isinstance(image_id, str) for image_id in values(tmp_path / "out", "image_id"))


def test_ok_vqa_list_with_ten_plain_answers(real_data: RealData, tmp_path: Path) -> None:
    plain = real_data("okvqa/okvqa_test_split.json")
    balance = converted(OkVqa(questions=plain, missing_pictures="keep"), tmp_path / "out")
    assert list(balance.values()) == [(4_456, 4_456, {})]


def test_ok_vqa_official_questions_with_the_list(real_data: RealData, tmp_path: Path) -> None:
    folder = real_data("okvqa")
    source = OkVqa(
        questions=folder / "OpenEnded_mscoco_val2014_questions.json",
        annotations=folder / "okvqa_test_split.json",
        missing_pictures="keep",
    )
    assert list(converted(source, tmp_path / "out").values()) == [
        (5_046, 4_456, {"question-without-answers": 590}), (4_456, 4_456, {}),
    ]  # fmt: skip


def test_ok_vqa_questions_alone_are_a_test_split(real_data: RealData, tmp_path: Path) -> None:
    path = real_data("okvqa/OpenEnded_mscoco_train2014_questions.json")
    balance = converted(OkVqa(questions=path, missing_pictures="keep"), tmp_path / "out")
    assert list(balance.values()) == [(9_009, 9_009, {})]
    assert set(values(tmp_path / "out", "answer")) == {None}


def test_gqa_as_one_file_and_as_a_folder(real_data: RealData, tmp_path: Path) -> None:
    folder = real_data("gqa_fixture")
    one = converted(Gqa(data=folder / "questions.json"), tmp_path / "one")
    assert one == {"questions.json": (1, 1, {})}
    source = Gqa(data=folder / "question_dir", image_root=[folder / "images"])
    several = converted(source, tmp_path / "several")
    assert {(seen, kept) for seen, kept, _ in several.values()} == {(1, 1)}
    assert "n578564.jpg" in values(tmp_path / "several", "image_path")
    assert all("fullAnswer" in extra for extra in values(tmp_path / "several", "extra"))
    assert not any(answer.endswith(".") for answer in values(tmp_path / "several", "answer"))


def test_visual_genome_questions_nested_by_picture(real_data: RealData, tmp_path: Path) -> None:
    source = VisualGenome(data=real_data("vgqa_fixture/question_answers.json"))
    manifest = convert(source, tmp_path / "out")
    (balance,) = manifest.balance
    assert balance.adds_up
    assert manifest.quarantined == 0
    assert verify(tmp_path / "out").problems == []
    answers = [answer[0] for answer in values(tmp_path / "out", "answers")]
    assert all(each["raw_answer"] == f"{each['answer']}." for each in answers)
    assert all(origin["parts"] for origin in values(tmp_path / "out", "origin"))


ROUND_TRIPS: dict[str, tuple[type[VqaSource], str, str | None]] = {
    "vqav2_fixture": (CocoVqa, "questions.json", "annotations.json"),
    "vqa_v2_60k": (CocoVqa, "vqa_questions_valid.gzip", "vqa_annotatons_valid.gzip"),
    "textvqa": (CocoVqa, "val_questions_vqa_format.json", "val_annotations_vqa_format.json"),
    "okvqa": (OkVqa, "OpenEnded_mscoco_val2014_questions_clean.json", "okvqa_test_split.json"),
    "okvqa ": (OkVqa, "okvqa_test_split.json", None),
}
"""Questions and annotations by folder; all their records are kept."""


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_official_files_come_back_as_they_were(
    name: str, real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    kind, *files = ROUND_TRIPS[name]
    paths = [real_data(name.strip()) / file for file in files if file]
    given = dict(zip(("questions", "annotations"), paths, strict=False))
    source = kind(**given, missing_pictures="keep", unanswered="keep")
    convert(source, tmp_path / "shards")
    export(VqaV2(), tmp_path / "shards", tmp_path / "out")
    for member, path in given.items():
        (written,) = (tmp_path / "out").glob(f"*_{member}.json")
        assert json.loads(written.read_bytes()) == json.loads(read_input(path))
