"""Splits after ``regroup`` share no picture, no row is lost, and each move is explained."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageOps

from tests.pictures import Asked, cropped, data_set, jpeg, scene
from tests.versions import Asked as Made
from tests.versions import write_shards
from vqadata import clean, open_shards, regroup, verify
from vqadata.cleaners.duplicate import Duplicate
from vqadata.cleaners.leakage import Leakage
from vqadata.errors import OptionError
from vqadata.ledger import LedgerEntry, select_entries
from vqadata.rearranging.regrouping import RegroupOptions, RegroupOutcome

A, B, C = scene(1), scene(2), scene(3)


def regrouped(
    folder: Path, files: dict[str, bytes], asked: list[Asked] | None = None,
    how: RegroupOptions | None = None, **leakage: Any,
) -> RegroupOutcome:  # fmt: skip
    """Clean and regroup a data set; by default one question a picture."""
    asked = asked or [(name, f"What is {name}?", "a box") for name in files]
    raw = data_set(folder / "raw", files, asked)
    clean(raw, folder / "clean", [Duplicate(), Leakage(**leakage)])
    outcome = regroup(folder / "clean", folder / "out", how)
    assert verify(folder / "out").problems == []
    return outcome


def splits(folder: Path) -> dict[str, str]:
    """The split of each question."""
    return {record.question_id: record.split or "" for record in open_shards(folder).records()}


def moves(folder: Path) -> list[LedgerEntry]:
    return list(select_entries(folder / "out", reason="moved"))


def test_a_picture_leaves_the_split_that_is_trained_on(tmp_path: Path) -> None:
    files = {"train/a.jpg": jpeg(A), "train/b.jpg": jpeg(B), "test/a.jpg": jpeg(A)}
    outcome = regrouped(tmp_path, files)
    assert outcome.moved == {("train", "test"): 1}
    assert (outcome.groups, outcome.largest) == (1, 2)
    assert splits(tmp_path / "out") == {"0": "test", "1": "train", "2": "test"}
    (entry,) = moves(tmp_path)
    assert (entry.question_id, entry.action, entry.found, entry.expected) == (
        "0", "flagged", "train", "test",
    )  # fmt: skip
    assert entry.evidence == "leak-bytes: test has test/a.jpg, the same bytes"
    records = {r.question_id: r for r in open_shards(tmp_path / "out").records()}
    assert json.loads(records["0"].extra or "{}")["source_split"] == "train"
    assert [records[number].extra for number in "12"] == [None, None]


def test_edits_mirror_images_and_chains_go_together(tmp_path: Path) -> None:
    small = A.resize((200, 150))
    files = {"train/a.jpg": jpeg(small), "val/a.jpg": jpeg(cropped(A)), "test/a.jpg": jpeg(A),
             "train/b.jpg": jpeg(ImageOps.mirror(B)), "val/b.jpg": jpeg(B),
             "train/c.jpg": jpeg(C)}  # fmt: skip
    outcome = regrouped(tmp_path, files)
    assert outcome.moved == {("train", "test"): 1, ("train", "val"): 1, ("val", "test"): 1}
    assert list(splits(tmp_path / "out").values()).count("test") == 3
    clean(tmp_path / "out", tmp_path / "again", [Duplicate(), Leakage()])
    assert json.loads((tmp_path / "again/evidence/leakage/matrix.json").read_text()) == []
    assert regroup(tmp_path / "again", tmp_path / "twice").moved == {}


def test_an_edit_within_a_split_goes_along(tmp_path: Path) -> None:
    files = {"train/a.jpg": jpeg(A), "train/b.jpg": jpeg(cropped(A)), "test/a.jpg": jpeg(A)}
    assert regrouped(tmp_path, files).moved == {("train", "test"): 2}
    assert "leak-" in str(moves(tmp_path)[1].evidence)


def test_bytes_alone_leave_edits_where_they_are(tmp_path: Path) -> None:
    files = {"train/a.jpg": jpeg(A), "test/a.jpg": jpeg(cropped(A))}
    assert regrouped(tmp_path, files, how=RegroupOptions(alike="bytes")).moved == {}


def test_what_another_data_set_has_is_put_aside(tmp_path: Path) -> None:
    other = data_set(tmp_path / "eval", {"x.jpg": jpeg(A)}, [("x.jpg", "What?", "a disc")])
    files = {"train/a.jpg": jpeg(cropped(A)), "train/b.jpg": jpeg(B), "val/a.jpg": jpeg(A)}
    outcome = regrouped(tmp_path, files, against=[other])
    assert outcome.moved == {("train", "leaked"): 1, ("val", "leaked"): 1}
    assert outcome.manifest.splits == {"leaked": 2, "train": 1}
    assert {entry.found for entry in moves(tmp_path)} == {"train", "val"}


def test_pictures_are_stored_once_and_others_stay_as_they_are(tmp_path: Path) -> None:
    files = {"train/a.jpg": jpeg(A), "test/b.jpg": jpeg(A), "dev/c.jpg": jpeg(C)}
    outcome = regrouped(tmp_path, files)
    assert outcome.manifest.pictures == 2
    before, after = (
        [
            shard.sha256
            for shard in open_shards(tmp_path / name).manifest.shards
            if shard.split == "dev"
        ]
        for name in ("clean", "out")
    )
    assert before == after


def test_leaks_must_have_been_looked_for(tmp_path: Path) -> None:
    raw = data_set(tmp_path / "raw", {"a.jpg": jpeg(A)}, [("a.jpg", "What?", "a disc")])
    with pytest.raises(OptionError, match="leaks were not looked for"):
        regroup(raw, tmp_path / "out")
    clean(raw, tmp_path / "clean", [Leakage()])
    with pytest.raises(OptionError, match="a split that is there"):
        regroup(tmp_path / "clean", tmp_path / "out", RegroupOptions(aside="train"))


QUESTIONS = st.lists(
    st.builds(
        Made,
        pictures=st.lists(st.integers(-2, 8), max_size=3).map(tuple),
        split=st.sampled_from(["", "train", "val", "test"]),
        dialog=st.none() | st.integers(0, 3),
        fields=st.just({}),
    ),
    min_size=1,
    max_size=25,
)
"""Questions about none to three pictures, some missing, of four splits, some in conversations."""


@settings(max_examples=40, deadline=None)
@given(QUESTIONS)
def test_no_picture_is_in_two_splits_and_no_row_is_lost(asked: list[Made]) -> None:
    with TemporaryDirectory() as folder:
        raw, cleaned, out = (Path(folder) / name for name in ("raw", "clean", "out"))
        write_shards(raw, asked)
        clean(raw, cleaned, [Leakage()])
        outcome = regroup(cleaned, out)
        assert verify(out).problems == []
        found = splits(out)
        noted = {e.question_id: (e.found or "", e.expected) for e in moves(Path(folder))}
    assert len(found) == len(asked)
    seen: dict[int, set[str]] = {}
    for number, question in enumerate(asked):
        for picture in question.pictures:
            seen.setdefault(picture, set()).add(found[str(number)])
        moved = found[str(number)] != question.split
        assert noted.get(str(number)) == ((question.split, found[str(number)]) if moved else None)
    assert all(len(parts) == 1 for parts in seen.values())
    assert sum(outcome.moved.values()) == len(noted)
