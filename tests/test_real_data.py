"""Real files in users' layouts: the account adds up to what the files hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vqadata import convert, open_shards, verify
from vqadata.shards.manifest import Manifest
from vqadata.sources.coco_vqa import CocoVqa
from vqadata.sources.ok_vqa import OkVqa
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
