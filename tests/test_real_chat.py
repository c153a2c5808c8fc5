"""Real files of the chat formats: every row has its place, marks and pictures are bound right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vqadata import convert, open_shards, verify
from vqadata.converting.recognition import recognise
from vqadata.errors import VqaDataError
from vqadata.ledger import select_entries
from vqadata.record import Record

RealData = Callable[[str], Path]


def converted(path: Path, out: Path, **options: Any) -> tuple[list[Record], Counter[str]]:
    """The records of a file in the order of the file, and how often each other outcome was."""
    told = recognise(path)
    manifest = convert(told.source(**told.options, **options), out)
    assert verify(out).problems == []
    assert manifest.adds_up
    entries = Counter(entry.reason for entry in select_entries(out))
    records = sorted(open_shards(out).records(), key=lambda r: (r.origin.index, r.origin.part or 0))
    return records, entries


def test_llama_factory_binds_each_picture_to_its_turn(real_data: RealData, tmp_path: Path) -> None:
    records, entries = converted(real_data("llama_factory/mllm_demo.json"), tmp_path / "out")
    assert (len(records), entries) == (12, Counter())
    first, second = records[:2]
    assert (first.text, second.text) == ("Who are they?", "What are they doing?")
    assert [(p.image, p.offset) for p in second.placeholders] == [(1, len(second.text))]
    assert first.dialog_id == second.dialog_id


def test_llava_marks_behind_the_question(real_data: RealData, tmp_path: Path) -> None:
    path = real_data("qwen_vl_demo/single_images.json")
    records, entries = converted(path, tmp_path / "out")
    assert (len(records), entries) == (3, Counter())
    assert all(r.text.endswith("?") and r.placeholders for r in records)


def test_rows_about_videos_are_dropped_by_name(real_data: RealData, tmp_path: Path) -> None:
    records, entries = converted(real_data("qwen_vl_demo/video.json"), tmp_path / "out")
    assert (records, entries) == ([], Counter({"video-or-audio": 3}))


TURNS = {
    "alpaca.csv": 3, "alpaca.jsonl": 4, "alpaca2.csv": 3, "chatml.jsonl": 5,
    "conversations.jsonl": 5, "sharegpt.jsonl": 5, "swift_multi.json": 5, "swift_multi.jsonl": 5,
    "swift_single.csv": 3, "swift_single.jsonl": 3,
}  # fmt: skip


@pytest.mark.parametrize("name", TURNS)
def test_ms_swift_text_rows_are_counted(name: str, real_data: RealData, tmp_path: Path) -> None:
    path = real_data(f"ms_swift/{name}")
    records, entries = converted(path, tmp_path / "out", text_only="keep")
    assert (len(records), entries) == (TURNS[name], Counter())
    assert all(record.answer for record in records)
    records, entries = converted(path, tmp_path / "dropped")
    assert (records, entries) == ([], Counter({"text-only": TURNS[name]}))


REMOTE = {
    "multi_modal_1.jsonl": (3, 3),
    "multi_modal_2.jsonl": (0, 5),
    "multi_modal_3.jsonl": (0, 5),
}


@pytest.mark.parametrize("name", REMOTE)
def test_ms_swift_pictures_by_url_are_not_fetched(
    name: str, real_data: RealData, tmp_path: Path
) -> None:
    path = real_data(f"ms_swift/{name}")
    records, entries = converted(path, tmp_path / "out", text_only="keep")
    assert (len(records), entries["picture-not-downloaded"]) == REMOTE[name]


@pytest.mark.parametrize("name", ["swift_pre.csv", "swift_pre.jsonl"])
def test_answers_without_questions_are_no_data_set(name: str, real_data: RealData) -> None:
    with pytest.raises(VqaDataError, match="no known layout in swift_pre"):
        recognise(real_data(f"ms_swift/{name}"))
