"""Parquet and Arrow files: what the library writes, what the hub holds, and what is damaged."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import encoded
from tests.contract import fixture_of, outcome
from vqadata import VqaDataError, convert, verify
from vqadata.converting.conversion import OutputOptions
from vqadata.converting.recognition import recognise
from vqadata.ledger import select_entries
from vqadata.sources.huggingface import HuggingFace

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
RED, BLUE = ({"bytes": encoded(colour), "path": None} for colour in ("red", "blue"))
ROW = {"image": RED, "question": "Which colour is it?", "answer": "red"}


def parquet(path: Path, rows: list[dict[str, Any]], **kinds: pa.DataType) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    known = pa.Table.from_pylist(rows).schema
    schema = pa.schema([(field.name, kinds.get(field.name, field.type)) for field in known])
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path


def converted(data: Path, out: Path, **options: Any) -> list[dict[str, Any]]:
    """The records; all rows are kept."""
    convert(HuggingFace(data=data, **options), out)
    assert verify(out).problems == []
    result = outcome(out)
    assert [
        (b["dropped"], b["quarantined"]) for b in result["balance"] if b["seen"] != b["kept"]
    ] == []
    return result["records"]


def test_repository_is_told(tmp_path: Path) -> None:
    told = recognise(fixture_of("huggingface"))
    assert told.source is HuggingFace
    assert len(told.options["data"]) == 4
    parquet(tmp_path / "train.parquet", [{"image": RED, "caption": "A square."}])
    with pytest.raises(VqaDataError, match=r"nearest: huggingface \(lacks a column question"):
        recognise(tmp_path)


def test_pictures_of_the_ledger_are_sizes(tmp_path: Path) -> None:
    rows = [ROW, ROW | {"question": None}]
    convert(HuggingFace(data=parquet(tmp_path / "a.parquet", rows)), tmp_path / "out")
    (entry,) = select_entries(tmp_path / "out", action="quarantined")
    size = len(RED["bytes"] or b"")
    assert json.loads(entry.raw or "")["image"] == {"bytes": size, "path": None}


CARD = """---
license: [cc-by-4.0, mit]
configs:
- config_name: art
  data_files:
  - split: dev
    path: ["art/part-*", "art/more.parquet"]
---
"""


@pytest.mark.parametrize(
    ("place", "split", "licence"),
    [
        ("art/part-0.parquet", "dev", "cc-by-4.0, mit"),
        ("data/train.parquet", "train", "cc-by-4.0, mit"),
        ("else/train.parquet", "train", None),
    ],
)
def test_card_counts_where_it_is_that_of_the_file(
    place: str, split: str, licence: str | None, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text(CARD)
    (record,) = converted(parquet(tmp_path / place, [ROW]), tmp_path / "out")
    assert (record["split"], record["licence"]) == (split, licence)


@pytest.mark.parametrize(
    "text", ["", "# Data", "---\n[\n---\n", "---\n- a\n---\n", "---\nconfigs: 3\n---\n"]
)
def test_cards_that_say_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(text)
    (record,) = converted(parquet(tmp_path / "val.parquet", [ROW]), tmp_path / "out")
    assert (record["split"], record["licence"]) == ("val", None)


def saved(folder: Path) -> Path:
    """A dataset as the library writes it, with a class label and two splits."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({
        "image": datasets.Image(), "question": datasets.Value("string"),
        "answer": datasets.ClassLabel(names=["blue", "red"]),
    })  # fmt: skip
    rows = {"image": [RED, BLUE], "question": ["Which colour?"] * 2, "answer": [1, 0]}
    part = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": part, "test": part.select([1])}).save_to_disk(folder / "disk")
    part.to_parquet(folder / "repo" / "data" / "validation-00000-of-00001.parquet")
    return folder


@pytest.mark.parametrize("part", ["disk", "repo"])
def test_what_the_library_writes(part: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "raw") / part
    assert recognise(folder).source is HuggingFace
    records = converted(folder, tmp_path / "out")
    splits = {"disk": ["test", "train", "train"], "repo": ["val", "val"]}
    assert [record["split"] for record in records] == splits[part]
    assert {record["answer"] for record in records} == {"red", "blue"}


def test_numbers_of_choices_are_told_from_the_rows(tmp_path: Path) -> None:
    rows = [
        {**ROW, "choices": ["red", "blue"], "answer": 0},
        {**ROW, "image": BLUE, "choices": ["red", "green", "blue"], "answer": 2},
    ]
    records = converted(parquet(tmp_path / "train.parquet", rows), tmp_path / "out")
    assert [(r["answer"], r["correct_choice"]) for r in records] == [("red", 0), ("blue", 2)]


def test_numbers_of_choices_that_may_count_from_1_are_not_left_out(tmp_path: Path) -> None:
    rows = [
        {**ROW, "choices": ["red", "blue"], "answer": 1},
        {**ROW, "image": BLUE, "choices": ["red", "blue"], "answer": 2},
    ]
    file = parquet(tmp_path / "train.parquet", rows)
    with pytest.raises(VqaDataError, match=r"perhaps answer\. Say it: .* first_choice=1"):
        converted(file, tmp_path / "refused")
    said = {"field": ["correct_choice=answer"], "constant": ["first_choice=1"]}
    assert {r["answer"] for r in converted(file, tmp_path / "out", **said)} == {"red", "blue"}


def test_ids_that_most_rows_share_are_no_ids(tmp_path: Path) -> None:
    """As those of MME: both questions of a picture have the same one."""
    rows = [{"question_id": f"code/{n // 2}.png", **ROW} for n in range(6)]
    records = converted(parquet(tmp_path / "test.parquet", rows), tmp_path / "out")
    assert len({record["question_id"] for record in records}) == 6
    assert json.loads(records[0]["extra"]) == {"question_id": "code/0.png"}


def test_prompts_with_the_answer_elsewhere(tmp_path: Path) -> None:
    row = {"prompt": [{"role": "user", "content": "<image>Which?"}], "images": [RED]}
    verl = row | {"reward_model": {"style": "rule", "ground_truth": "red"}}
    (record,) = converted(parquet(tmp_path / "verl.parquet", [verl]), tmp_path / "verl")
    assert (record["text"], record["answer"]) == ("Which?", "red")
    own = parquet(tmp_path / "own.parquet", [row | {"right": "red"}])
    (record,) = converted(own, tmp_path / "own", field=["answer=right"])
    assert record["answer"] == "red"


def test_several_pictures_in_a_list(tmp_path: Path) -> None:
    row = {"images": [RED, BLUE], "problem": "<image>Which is red, this or <image>?", "answer": "a"}
    (record,) = converted(parquet(tmp_path / "a.parquet", [row]), tmp_path / "out")
    assert record["text"] == "Which is red, this or ?"
    assert [mark["offset"] for mark in record["placeholders"]] == [0, 22]
    assert len(record["more_image_paths"]) == 1


CHATS = {
    "conversations": [
        {"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A square."},
        {"from": "human", "value": "Which colour?"}, {"from": "gpt", "value": "Red."},
    ],
    "messages": [
        {"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A square."},
        {"role": "user", "content": "Which colour?"}, {"role": "assistant", "content": "Red."},
    ],
    "texts": [
        {"user": "What is it?", "assistant": "A square.", "source": "x"},
        {"user": "Which colour?", "assistant": "Red.", "source": "x"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("column", CHATS)
def test_conversations_become_turns(column: str, tmp_path: Path) -> None:
    file = parquet(tmp_path / "train.parquet", [{"images": [RED], column: CHATS[column]}])
    assert recognise(file).source is HuggingFace
    records = converted(file, tmp_path / "out")
    assert [(r["text"], r["answer"]) for r in records] == [
        ("What is it?", "A square."), ("Which colour?", "Red."),
    ]  # fmt: skip
    assert {r["dialog_id"] for r in records} == {"train-0"}
    assert len({r["image_path"] for r in records}) == 1


UNCLEAR: dict[str, tuple[list[dict[str, Any]], str, list[str]]] = {
    "pictures": ([{**ROW, "mask": BLUE, "photo": RED, "image": 1}],
                 "clear column of the pictures", ["image=photo"]),
    "question": ([{"image": RED, "first": "What?", "second": "What?", "answer": "red"}],
                 "clear column of the question", ["question=second"]),
    "answer": ([{"image": RED, "question": "What?", "output": "red", "target": "red"}],
               "clear column of the answer", ["answer=target"]),
}  # fmt: skip


@pytest.mark.parametrize("what", UNCLEAR)
def test_unclear_columns_are_listed_and_can_be_said(what: str, tmp_path: Path) -> None:
    rows, message, fields = UNCLEAR[what]
    file = parquet(tmp_path / "a.parquet", rows)
    with pytest.raises(VqaDataError, match=f"{message}.*--field") as refused:
        converted(file, tmp_path / "refused")
    assert all(column in refused.value.found for column in rows[0])
    (record,) = converted(file, tmp_path / "out", field=fields)
    assert record["answer"] == "red"


def test_columns_of_other_types_become_plain(tmp_path: Path) -> None:
    day = datetime.datetime(2020, 1, 2)
    table = pa.table({
        "image": pa.array([RED, BLUE], PICTURE),
        "question": pa.array(["What?", "Why?"]).dictionary_encode(),
        "answer": pa.array(["a", "b"], pa.large_string()),
        "when": [day, day], "cost": [decimal.Decimal("1.5")] * 2, "vector": [b"\0\xff"] * 2,
        "pairs": pa.array([[("k", 1)]] * 2, pa.map_(pa.string(), pa.int64())),
        "score": [float("nan"), 1.0],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    first, _ = converted(tmp_path / "a.parquet", tmp_path / "out")
    assert (first["text"], first["answer"]) == ("What?", "a")
    assert json.loads(first["extra"]) == {
        "when": "2020-01-02 00:00:00", "cost": "1.5", "vector": {"bytes": 2},
        "pairs": [["k", 1]], "score": None,
    }  # fmt: skip


def test_a_column_of_bytes_that_is_said_to_hold_pictures(tmp_path: Path) -> None:
    rows = [{"data": RED["bytes"], "question": "What?", "answer": "a"}]
    file = parquet(tmp_path / "a.parquet", rows)
    (record,) = converted(file, tmp_path / "out", field=["image=data"])
    assert record["image_path"].endswith(".png")


def test_a_test_split_that_comes_first_does_not_hide_the_answers(tmp_path: Path) -> None:
    parquet(
        tmp_path / "test-0.parquet", [ROW | {"answer": None}], answer=pa.string(), image=PICTURE
    )
    parquet(tmp_path / "train-0.parquet", [ROW])
    records = converted(tmp_path, tmp_path / "out")
    assert [(r["split"], r["answer"]) for r in records] == [("test", None), ("train", "red")]


def test_shards_of_ours_in_the_folder_are_no_input(tmp_path: Path) -> None:
    parquet(tmp_path / "train.parquet", [ROW])
    for _ in range(2):
        convert(HuggingFace(data=tmp_path), tmp_path / "out", OutputOptions(overwrite=True))
        assert [b["seen"] for b in outcome(tmp_path / "out")["balance"]] == [1]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    noise = [RED["bytes"] + bytes([number]) * 200_000 for number in range(250)]
    rows = [ROW | {"image": {"bytes": data, "path": None}} for data in noise]
    file = parquet(tmp_path / "a.parquet", rows)
    pq.write_table(pq.read_table(file), file, row_group_size=25)
    table = HuggingFace(data=file).open(file)
    before = pa.total_allocated_bytes()
    most = max(pa.total_allocated_bytes() - before for _ in table)
    assert table.count == 250
    assert most < 25_000_000


def arrow_stream(path: Path, rows: int) -> Path:
    batch = pa.RecordBatch.from_pylist([ROW], pa.schema({
        "image": PICTURE, "question": pa.string(), "answer": pa.string(),
    }))  # fmt: skip
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as writer:
        for _ in range(rows):
            writer.write_batch(batch)
    return path


def test_a_stream_that_breaks_off(tmp_path: Path) -> None:
    file = arrow_stream(tmp_path / "data-00000.arrow", 3)
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(VqaDataError, match=r"row 2: .*keep-whole-records"):
        convert(HuggingFace(data=file), tmp_path / "refused")
    convert(HuggingFace(data=file, keep_whole_records=True), tmp_path / "out")
    assert verify(tmp_path / "out").problems == []
    assert [b["kept"] for b in outcome(tmp_path / "out")["balance"]] == [2]


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda _: b"PAR1", lambda _: b""])
def test_damaged_parquet_is_refused(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", [ROW])
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(VqaDataError, match="Parquet or Arrow"):
        convert(HuggingFace(data=file), tmp_path / "out")


def test_text_that_is_not_utf_8_costs_only_its_row(tmp_path: Path) -> None:
    rows = [{**ROW, "answer": f"red {number}"} for number in range(5)]
    table = pa.Table.from_pylist(rows)
    bad = pa.array([row["answer"].encode() for row in rows]).cast(pa.binary()).to_pylist()
    bad[3] = b"red \xff"
    texts = pa.Array.from_buffers(pa.string(), 5, pa.array(bad, pa.binary()).buffers())
    pq.write_table(table.set_column(2, "answer", texts), tmp_path / "a.parquet")
    convert(HuggingFace(data=tmp_path / "a.parquet"), tmp_path / "out")
    assert verify(tmp_path / "out").problems == []
    (entry,) = select_entries(tmp_path / "out")
    assert (entry.action, entry.reason, entry.path) == ("quarantined", "invalid-utf8", "[3]")
