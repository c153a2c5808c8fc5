"""Damage in random records: each damaged one is named by its place, and no good one is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.damage import DAMAGES, Damage
from benchmarks.vqa_v2 import write_files
from vqadata import convert, open_shards, verify
from vqadata.ledger import LedgerEntry, select_entries
from vqadata.reading.json_blocks import JsonBlocks
from vqadata.sources.coco_vqa import CocoVqa

QUESTIONS = 4000
HARMLESS = "more members"
"""What the record keeps in ``extra``."""


def converted(folder: Path) -> list[LedgerEntry]:
    source = CocoVqa(
        questions=folder / "questions.json",
        annotations=folder / "annotations.json",
        missing_pictures="keep",
    )
    manifest = convert(source, folder / "out")
    assert verify(folder / "out").problems == []
    assert [entry.seen for entry in manifest.balance] == [QUESTIONS, QUESTIONS]
    return list(select_entries(folder / "out"))


def places(entries: list[LedgerEntry], file: str) -> set[int]:
    first = {entry.index for entry in entries if entry.file == file}
    return first | {e.answers_index for e in entries if e.answers_file == file} - {None}


@pytest.mark.parametrize("share", [0.001, 0.02, 0.1])
def test_every_damaged_record_is_named(share: float, tmp_path: Path) -> None:
    write_files(tmp_path, QUESTIONS, share)
    entries = converted(tmp_path)
    kept = {record.origin.index for record in open_shards(tmp_path / "out").records()}
    damaged = {}
    for seed, name in enumerate(("questions.json", "annotations.json"), 1):
        damage = Damage(share, seed)
        kinds = {n: kind for n in range(QUESTIONS) if (kind := damage.kind())}
        damaged[name] = {n for n, kind in kinds.items() if kind != HARMLESS}
        assert damaged[name] <= places(entries, name)
    # A question goes if it or its answers are damaged, or if another record took its id.
    lost = len(damaged["questions.json"]) + len(damaged["annotations.json"])
    assert len(kept) >= QUESTIONS - lost - 2
    assert kept.isdisjoint(damaged["questions.json"])


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("size", [700, 1 << 22])
def test_one_damaged_record_costs_only_itself(
    kind: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JsonBlocks.__init__, "__defaults__", (False, size))
    write_files(tmp_path, QUESTIONS // 40)
    path = tmp_path / "annotations.json"
    text = path.read_text()
    records = text[text.index("[") + 1 : -2].split(', {"question_type"')
    whole = [records[0], *('{"question_type"' + record for record in records[1:])]
    text = text.replace(whole[50], DAMAGES[kind](whole[50]))
    path.write_text(text)
    monkeypatch.setattr("tests.test_damage.QUESTIONS", QUESTIONS // 40)
    entries = converted(tmp_path)
    assert places(entries, "annotations.json") == ({50} if kind != HARMLESS else set())
