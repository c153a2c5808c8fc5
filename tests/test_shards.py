"""Shards: what is written is read, by us and by plain libraries; what is damaged is noticed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.conftest import VqaFiles, encoded
from vqadata import OutputOptions, convert, open_shards, verify
from vqadata.errors import OptionError, ShardError
from vqadata.ledger import ledger_batches
from vqadata.shards.schema import members
from vqadata.shards.verify import _misplaced, _Rows
from vqadata.sources.coco_vqa import CocoVqa


@pytest.fixture
def shards(vqa_files: VqaFiles, tmp_path: Path) -> Path:
    vqa_files.questions[4]["question"] = 5  # one row in quarantine
    convert(CocoVqa(**vqa_files.write()), tmp_path / "out")
    return tmp_path / "out"


def test_each_picture_is_stored_once_with_its_questions(shards: Path) -> None:
    (batch,) = open_shards(shards).batches()
    rows = batch.to_pylist()
    assert [[q["question_id"] for q in row["questions"]] for row in rows] == [
        ["0", "3"], ["1"], ["2", "5"],
    ]  # fmt: skip
    assert [row["image_facts"][0]["width"] for row in rows] == [16, 17, 18]
    assert rows[0]["images"][0]["bytes"] == encoded("navy", (16, 12))


def test_equal_pictures_of_two_names_are_stored_once(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.picture(1).write_bytes(vqa_files.picture(0).read_bytes())
    manifest = convert(CocoVqa(**vqa_files.write()), tmp_path / "out")
    assert (manifest.questions, manifest.pictures) == (6, 2)
    names = {record.image_path for record in open_shards(tmp_path / "out").records()}
    assert len(names) == 3


def test_questions_are_one_flat_table(shards: Path) -> None:
    table = open_shards(shards).questions(["question_id", "answer"])
    assert table.column_names == ["question_id", "answer", "widths", "heights", "picture_row"]
    assert table["picture_row"].to_pylist() == [0, 0, 1, 2, 2]
    assert table["widths"].to_pylist() == [[16], [16], [17], [18], [18]]
    with pytest.raises(OptionError, match="found 'colour'"):
        open_shards(shards).questions(["colour"])


def test_some_members_of_questions_are_those_of_whole_questions(shards: Path) -> None:
    names = ("question_id", "origin", "answers")
    for batch in open_shards(shards).batches():
        for part in (batch, batch.slice(1), batch.slice(0, 0)):
            whole = part.column("questions").to_pylist()
            assert members(part.column("questions"), *names) == [
                [{name: question[name] for name in names} for question in row] for row in whole
            ]


def test_pictures_are_found_by_row_in_any_worker(shards: Path) -> None:
    opened = pickle.loads(pickle.dumps(open_shards(shards)))
    assert opened.pictures(2) == [encoded("maroon", (18, 12))]
    with pytest.raises(IndexError):
        opened.pictures(3)


def test_a_shard_is_closed_on_size(vqa_files: VqaFiles, tmp_path: Path) -> None:
    import os

    for i in range(3):
        padding = os.urandom(5_000_000)
        vqa_files.picture(i).write_bytes(encoded("navy", (16 + i, 12)) + padding)
    options = OutputOptions(shard_mb=8)
    manifest = convert(CocoVqa(**vqa_files.write()), tmp_path / "out", options)
    assert [(shard.file, shard.pictures) for shard in manifest.shards] == [
        ("val2014-00000.arrow", 2), ("val2014-00001.arrow", 1),
    ]  # fmt: skip
    assert [r.question_id for r in open_shards(tmp_path / "out").records()] == list("031425")
    assert verify(tmp_path / "out").problems == []


def test_plain_pyarrow_opens_them(shards: Path) -> None:
    with pa.memory_map(str(shards / "val2014-00000.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    assert table.num_rows == 3
    assert table["questions"][0][1]["text"].as_py() == "Question number 3?"


def test_plain_datasets_opens_them_and_decodes_pictures(shards: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    files = [str(path) for path in sorted(shards.glob("*.arrow"))]
    table = datasets.load_dataset(
        "arrow", data_files=files, split="train", cache_dir=str(tmp_path / "cache")
    )
    row = table[0]
    assert row["images"][0].size == (16, 12)
    assert [question["answer"] for question in row["questions"]] == ["yes", "yes"]


def test_plain_polars_opens_them(shards: Path) -> None:
    import polars as pl

    table = pl.read_ipc(shards / "val2014-00000.arrow")
    assert table.select(pl.col("questions").list.len()).to_series().to_list() == [2, 1, 2]


def flipped(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_flipped_bit_is_noticed_when_it_is_read(shards: Path) -> None:
    path = shards / "val2014-00000.arrow"
    flipped(path, path.read_bytes().index(b"Question number 3?"))
    with pytest.raises(ShardError, match=r"damaged: batch 0 .* has digest"):
        list(open_shards(shards).records())
    assert "val2014-00000.arrow: damaged: batch 0" in verify(shards).problems[0]


TAMPERINGS = {
    "ledger": (lambda d: flipped(d / "ledger.parquet", 40), "ledger.parquet: damaged: sha256"),
    "shorter": (
        lambda d: (d / "val2014-00000.arrow").write_bytes(b"ARROW1"),
        "val2014-00000.arrow: 6 bytes",
    ),
    "gone": (lambda d: (d / "val2014-00000.arrow").unlink(), "val2014-00000.arrow: missing"),
    "stray": (lambda d: (d / "x.arrow").write_bytes(b""), "x.arrow: not in the manifest"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_verify_names_what_was_changed(what: str, shards: Path) -> None:
    change, said = TAMPERINGS[what]
    change(shards)
    assert any(said in problem for problem in verify(shards).problems)


def test_a_changed_manifest_is_refused(shards: Path) -> None:
    path = shards / "manifest.json"
    document = json.loads(path.read_text())
    document["balance"][0]["kept"] += 1
    path.write_text(json.dumps(document))
    with pytest.raises(ShardError, match="digest"):
        open_shards(shards)


def resealed(shards: Path, change: dict[str, int]) -> None:
    """Change the account of the first file and give the manifest a fitting digest."""
    from vqadata.shards.manifest import read_manifest, write_manifest

    manifest, _ = read_manifest(shards)
    first = manifest.balance[0].model_copy(update=change)
    balance = [first, *manifest.balance[1:]]
    write_manifest(shards, manifest.model_copy(update={"balance": balance}))


def test_a_wrong_account_is_found_by_counting_rows(shards: Path) -> None:
    resealed(shards, {"records": 7, "seen": 7, "kept": 6})
    problems = verify(shards).problems
    assert "questions.json: 1 record lost, first 6" in problems
    assert any("account 6 kept" in problem for problem in problems)


def test_a_proof_reads_no_raw_records(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, asked = ledger_batches, list[str]()

    def noting(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
        asked.extend(columns)
        return read(path, columns)

    monkeypatch.setattr("vqadata.shards.verify.ledger_batches", noting)
    assert verify(shards).problems == []
    assert asked
    assert "raw" not in asked


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda d: None, "no such folder"),
        (lambda d: d.mkdir(), "no manifest.json"),
        (lambda d: (d / ".unfinished").mkdir(parents=True), "the run that wrote it did not end"),
    ],
    ids=["missing", "empty", "unfinished"],
)
def test_what_is_no_finished_folder_is_refused(made: object, said: str, tmp_path: Path) -> None:
    made(tmp_path / "out")  # type: ignore[operator]
    with pytest.raises(ShardError, match=said):
        open_shards(tmp_path / "out")


def test_each_question_of_a_record_is_counted_once() -> None:
    def outcome(*places: tuple[int, int, int]) -> dict[str, list[int]]:
        columns = [np.array(column, np.int64) for column in zip(*places, strict=True)]
        return {k: v.tolist() for k, v in _misplaced(_Rows(*columns), 3).items() if len(v)}

    whole = [(0, 0, 1), (1, 1, 2), (1, 0, 2), (2, 0, 1)]
    assert outcome(*whole) == {}
    assert outcome(*whole[:1], *whole[2:]) == {"not complete": [1]}
    assert outcome(*whole[:3]) == {"lost": [2]}
    assert outcome(*whole, (2, 0, 1)) == {"in two places": [2]}
    assert outcome(*whole, (9, 0, 1)) == {"never seen": [9]}


def test_options_lose_their_folders_and_nothing_else(vqa_files: VqaFiles, tmp_path: Path) -> None:
    source = CocoVqa(**vqa_files.write(), split="a/b", licence="https://example.org/licence")
    (step,) = convert(source, tmp_path / "out").steps
    assert step.options["questions"] == ["questions.json"]
    assert (step.options["split"], step.options["licence"]) == (
        "a/b",
        "https://example.org/licence",
    )
