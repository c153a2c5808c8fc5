"""Differences between versions: every row is found, with what changed and why it is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import VqaFiles, encoded
from tests.versions import Asked, write_shards
from vqadata import clean, convert, diff, open_shards
from vqadata.cleaners.duplicate import Duplicate
from vqadata.errors import OptionError, ShardError
from vqadata.sources.coco_vqa import CocoVqa
from vqadata.versions.comparison import Difference, PictureChange
from vqadata.versions.row_index import FIELDS, PICTURES, RowIndex


def converted(files: VqaFiles, out: Path, **options: Any) -> Path:
    convert(CocoVqa(**files.write(), **options), out)
    return out


@pytest.fixture
def old(vqa_files: VqaFiles, tmp_path: Path) -> Path:
    return converted(vqa_files, tmp_path / "old")


def test_a_data_set_equals_itself_and_a_copy(
    old: Path, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    for other in (old, converted(vqa_files, tmp_path / "copy")):
        found = diff(old, other)
        assert found.equal
        assert found.counts == {"added": 0, "removed": 0, "changed": 0, "unchanged": 6}
        assert (found.pictures, found.ledger, found.otherwise) == ([], [], [])


def test_a_removed_row_has_the_reason_of_the_other_ledger(
    vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.questions[3]["question"] = vqa_files.questions[0]["question"]
    clean(converted(vqa_files, tmp_path / "old"), tmp_path / "clean", [Duplicate()])
    found = diff(tmp_path / "old", tmp_path / "clean")
    (row,) = found.removed()
    assert (row.question_id, row.file, row.index, row.part) == ("3", "questions.json", 3, None)
    assert row.why is not None
    assert (row.why["step"], row.why["reason"]) == ("duplicate", "duplicate")
    assert row.why["evidence"] == "same picture, question and answer as question 0"
    assert found.reasons["removed"] == {"dropped by duplicate: duplicate": 1}
    assert [(c.step, c.reason, c.a, c.b) for c in found.ledger] == [
        ("duplicate", "duplicate", 0, 1)
    ]
    assert [(o.what, o.a, o.b) for o in found.otherwise] == [("step", None, "clean duplicate")]
    (back,) = diff(tmp_path / "clean", tmp_path / "old").added()
    assert back == row


def test_rows_that_no_ledger_knows(old: Path, vqa_files: VqaFiles, tmp_path: Path) -> None:
    del vqa_files.questions[5], vqa_files.annotations[5]
    found = diff(old, converted(vqa_files, tmp_path / "new"))
    assert [(row.question_id, row.why) for row in found.removed()] == [("5", None)]
    assert found.reasons["removed"] == {"not in the other ledger": 1}
    assert [each.what for each in found.otherwise] == [
        "input questions.json", "input annotations.json",
    ]  # fmt: skip


def test_a_row_in_quarantine_is_found_by_its_place(
    old: Path, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.questions[2]["question_id"] = None
    (row,) = diff(old, converted(vqa_files, tmp_path / "new")).removed()
    assert row.why is not None
    assert (row.question_id, row.why["action"]) == ("2", "quarantined")
    assert row.why["path"] == "questions[2].question_id"


def test_an_entry_of_another_row_at_the_same_place_is_no_reason(
    old: Path, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.questions[2] |= {"question_id": 99, "question": 5}
    (row,) = diff(old, converted(vqa_files, tmp_path / "new")).removed()
    assert row.question_id == "2"
    assert row.why is not None
    assert row.why["reason"] == "answers-without-question"  # not wrong-type, which is that of 99


def test_changed_fields_with_old_and_new_values(
    old: Path, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.questions[1]["question"] = "What else?"
    vqa_files.annotations[4]["answers"][9]["answer"] = "no"
    found = diff(old, converted(vqa_files, tmp_path / "new"))
    first, second = found.changed()
    assert (first.question_id, first.fields) == (
        "1", {"text": ("Question number 1?", "What else?")},
    )  # fmt: skip
    assert second.question_id == "4"
    assert list(second.fields) == ["answers", "agreement"]
    assert second.fields["answers"][1][9]["answer"] == "no"
    assert found.fields == {"text": 1, "answers": 1, "agreement": 1}
    assert found.counts["unchanged"] == 4


def test_other_bytes_of_a_picture_change_its_rows(
    old: Path, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.picture(1).write_bytes(encoded("white"))
    found = diff(old, converted(vqa_files, tmp_path / "new"))
    assert found.fields == {PICTURES: 2}
    (change,) = found.pictures
    assert change.path == f"images/{vqa_files.picture(1).name}"
    assert None not in change
    assert [row.fields[PICTURES] for row in found.changed()] == [([change.a], [change.b])] * 2


def test_pictures_that_come_and_go(tmp_path: Path) -> None:
    asked = [Asked(pictures=(number,)) for number in range(4)]
    write_shards(tmp_path / "a", asked[:3])
    write_shards(tmp_path / "b", [asked[0], asked[2], asked[3]])
    found = diff(tmp_path / "a", tmp_path / "b")
    assert [(c.path, c.a is None, c.b is None) for c in found.pictures] == [
        ("1.png", False, True), ("3.png", True, False),
    ]  # fmt: skip
    assert isinstance(found.pictures[0], PictureChange)


def test_only_some_fields_are_compared(old: Path, vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.questions[1]["question"] = "What else?"
    new = converted(vqa_files, tmp_path / "new", answer_policy="first")
    assert diff(old, new, ["answer", PICTURES]).counts["changed"] == 0
    assert diff(old, new, ["text"]).counts["changed"] == 1
    with pytest.raises(OptionError, match=r"Did you mean answers\?"):
        diff(old, new, ["anwsers"])


def test_options_and_versions_that_differ_are_named(
    old: Path, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    new = converted(vqa_files, tmp_path / "new", answer_policy="first")
    found = diff(old, new)
    assert found.equal
    assert found.otherwise == [("convert coco-vqa: answer_policy", '"majority"', '"first"')]


IDS = st.lists(
    st.builds(
        Asked,
        pictures=st.lists(st.integers(0, 3), max_size=2).map(tuple),
        split=st.sampled_from(["", "a"]),
        dialog=st.none(),
        fields=st.fixed_dictionaries(
            {"question_id": st.sampled_from("abc"), "answer": st.sampled_from(["x", "y", None])}
        ),
    ),
    max_size=8,
)
"""Questions of which several have the same id."""


def compared(folder: str, a: list[Asked], b: list[Asked]) -> Difference:
    write_shards(Path(folder) / "a", a)
    write_shards(Path(folder) / "b", b)
    return diff(Path(folder) / "a", Path(folder) / "b")


@settings(max_examples=40, deadline=None)
@given(IDS, IDS)
def test_every_row_is_counted_once_whatever_its_id(a: list[Asked], b: list[Asked]) -> None:
    with TemporaryDirectory() as folder:
        found = compared(folder, a, b)
        counts = found.counts
        listed = {kind: len(list(getattr(found, kind)())) for kind in list(counts)[:3]}
    assert counts["removed"] + counts["changed"] + counts["unchanged"] == len(a)
    assert counts["added"] + counts["changed"] + counts["unchanged"] == len(b)
    assert listed == {kind: counts[kind] for kind in listed}
    ids = [[each.fields["question_id"] for each in asked] for asked in (a, b)]
    for name in set(ids[0]) & set(ids[1]):
        if ids[0].count(name) == ids[1].count(name) == 1:
            assert name not in [row.question_id for row in [*found.removed(), *found.added()]]


@settings(max_examples=30, deadline=None)
@given(IDS)
def test_repeated_ids_of_the_same_place_are_the_same_row(asked: list[Asked]) -> None:
    with TemporaryDirectory() as folder:
        assert compared(folder, asked, [*asked, Asked(fields={"question_id": "new"})]).counts == {
            "added": 1, "removed": 0, "changed": 0, "unchanged": len(asked),
        }  # fmt: skip


NESTED = st.none() | st.lists(
    st.fixed_dictionaries(
        {"x": st.none() | st.text("ab", max_size=2), "y": st.none() | st.text("ab", max_size=2)}
    ),
    max_size=3,
)


@given(st.lists(NESTED, min_size=2, max_size=30))
def test_digests_of_nested_values_are_equal_only_if_these_are(values: list[Any]) -> None:
    kind = pl.List(pl.Struct({"x": pl.String, "y": pl.String}))
    digests = pl.DataFrame({"v": pl.Series(values, dtype=kind)}).hash_rows().to_list()
    texts = [json.dumps(value, sort_keys=True) for value in values]
    assert len(set(texts)) == len(set(digests))
    assert len(set(zip(texts, digests, strict=True))) == len(set(texts))


def test_rows_are_read_again_in_any_order(tmp_path: Path) -> None:
    import numpy as np

    write_shards(tmp_path / "a", [Asked(pictures=(n,), split="ab"[n % 2]) for n in range(3000)])
    index = RowIndex(open_shards(tmp_path / "a"))
    wanted = np.random.default_rng(0).permutation(3000)[:500]
    found = index.take(wanted)
    assert found.columns == list(FIELDS)
    assert found["question_id"].to_list() == index.rows["question_id"].to_numpy()[wanted].tolist()


def test_a_damaged_ledger_is_named(old: Path, vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.questions[1]["question"] = "What else?"
    new = converted(vqa_files, tmp_path / "new")
    (new / "ledger.parquet").write_bytes(b"PAR1")
    with pytest.raises(ShardError, match=r"ledger\.parquet: damaged: sha256"):
        diff(old, new)


@pytest.fixture
def new(vqa_files: VqaFiles, old: Path, tmp_path: Path) -> Path:
    """A version with one row changed, one removed with a reason, and one picture changed."""
    vqa_files.questions[0]["question"] = "What now?"
    vqa_files.questions[4]["question"] = 5
    vqa_files.picture(2).write_bytes(encoded("white"))
    return converted(vqa_files, tmp_path / "new")


def test_what_a_person_reads(old: Path, new: Path, run_cli: Callable[..., Any]) -> None:
    done = run_cli("diff", old, new, "--limit", "1")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[2:5] == [
        "rows: 0 added, 1 removed, 3 changed, 2 unchanged",
        "pictures: 0 added, 0 removed, 1 changed",
        "  changed: images/COCO_val2014_000000000002.jpg",
    ]
    assert lines[-6:] == [
        "removed 1: quarantined by convert: wrong-type 1",
        "  questions.json: record 4 question 4: quarantined by convert, wrong-type (integer)",
        "changed 3: text 1, pictures 2",
        "  questions.json: record 0 question 0",
        '    text: "Question number 0?" → "What now?"',
        "  2 more; see them with --limit or --json",
    ]
    assert any(line.split()[2:] == ["convert:", "wrong-type", "0", "1"] for line in lines)


def test_what_a_program_reads(old: Path, new: Path, run_cli: Callable[..., Any]) -> None:
    found = json.loads(run_cli("diff", old, new, "--json").stdout)
    assert (found["equal"], found["counts"]["changed"]) == (False, 3)
    assert [row["question_id"] for row in found["changed"]] == ["0", "2", "5"]
    assert found["changed"][0]["fields"] == {"text": ["Question number 0?", "What now?"]}
    assert found["removed"][0]["why"]["reason"] == "wrong-type"
    assert found["added"] == []
    assert [c["path"] for c in found["pictures"]] == ["images/COCO_val2014_000000000002.jpg"]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("--only added", 0), ("--only removed", 1), ("--only changed", 1),
        ("--only changed --field answer", 0), ("--field answer", 1), ("--only added --json", 0),
    ],
)  # fmt: skip
def test_what_is_asked_for_decides_the_status(
    words: str, status: int, old: Path, new: Path, run_cli: Callable[..., Any]
) -> None:
    done = run_cli("diff", old, new, *words.split())
    assert (done.returncode, done.stderr) == (status, "")
    if "--json" in words:
        assert list(json.loads(done.stdout)) == [
            "a", "b", "equal", "counts", "fields", "reasons", "added",
        ]  # fmt: skip
    else:
        assert "\npictures:" not in done.stdout
