"""All ways through the VQA layout give the same bytes and the same reasons."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import VqaFiles
from vqadata import convert, open_shards, verify
from vqadata.groundwork.id_index import UNKNOWN, FirstMentions, IdIndex
from vqadata.layouts import vqa_columns
from vqadata.layouts.vqa_alike import AlikeReader
from vqadata.layouts.vqa_columns import ColumnReader
from vqadata.layouts.vqa_strict import StrictReader
from vqadata.ledger import select_entries
from vqadata.sources.coco_vqa import CocoVqa


def tree(files: VqaFiles, out: Path, **options: Any) -> dict[str, bytes]:
    source = CocoVqa(**files.write(), missing_pictures="keep", **options)
    convert(source, out)
    assert verify(out).problems == []
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


JUNK: list[Any] = [None, 5, -1, 2.5, True, "", "x", [], {}, [None], {"a": 1}, 2**63, 10**30, "é\0"]


def changed(files: VqaFiles, seed: int, changes: int) -> None:
    """Put wrong values into random places of both files."""
    draw = random.Random(seed)
    for _ in range(changes):
        record = draw.choice(draw.choice([files.questions, files.annotations]))
        kind = draw.randrange(4)
        answers = record.get("answers")
        if kind == 0 and isinstance(answers, list) and answers and isinstance(answers[0], dict):
            answers[draw.randrange(len(answers))] = draw.choice([*JUNK, {"answer": 5}])
        elif kind == 1:
            record.pop(draw.choice(sorted(record)))
        elif kind == 2:
            record["more"] = draw.choice(JUNK)
        else:
            record[draw.choice(sorted(record))] = draw.choice(JUNK)
        if not record:
            record["left"] = 0


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6), changes=st.integers(0, 12))
def test_all_ways_agree(
    seed: int, changes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir=tmp_path) as name, monkeypatch.context() as patch:
        folder = Path(name)
        files = VqaFiles(folder / "raw", questions=30, pictures=7)
        random.Random(seed).shuffle(files.annotations)
        changed(files, seed, changes)
        alike = tree(files, folder / "alike")
        patch.setattr(AlikeReader, "read", lambda self, records: None)
        patch.setattr(vqa_columns, "FEW", 1)
        assert tree(files, folder / "strict") == alike
        patch.setattr(StrictReader, "read", lambda self, raws: None)
        assert tree(files, folder / "exact") == alike


def test_good_blocks_take_the_fast_way(
    vqa_files: VqaFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise RuntimeError("a good block went the slow way")

    monkeypatch.setattr(ColumnReader, "_exact", refuse)
    tree(vqa_files, tmp_path / "objects")
    for annotation in vqa_files.annotations:
        annotation["answers"] = ["yes", "no"]
    for record in [*vqa_files.annotations, *vqa_files.questions]:
        record["question_id"], record["image_id"] = str(record["question_id"]), "003a8ae2ef43b901"
    tree(vqa_files, tmp_path / "texts")


def test_blocks_of_any_size_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vqadata.reading import json_blocks

    files = VqaFiles(tmp_path / "raw", questions=60, pictures=9)
    random.Random(0).shuffle(files.questions)
    whole = tree(files, tmp_path / "whole")
    monkeypatch.setattr(json_blocks.JsonBlocks.__init__, "__defaults__", (False, 700))
    assert tree(files, tmp_path / "small") == whole


def test_what_has_no_column_goes_to_extra(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.questions[0] |= {"url": "u", "x": 1}
    vqa_files.annotations[0] |= {"confidence": 3, "x": 2}
    tree(vqa_files, tmp_path / "out")
    records = {record.question_id: record for record in open_shards(tmp_path / "out").records()}
    assert json.loads(records["0"].extra or "") == {
        "url": "u", "confidence": 3, "x": 2, "question.x": 1
    }  # fmt: skip
    assert records["1"].extra is None
    assert records["0"].given_answer == "yes"


@pytest.mark.parametrize("record", ["null", "5", "[]", '"x"', '{"question_id": 9, "x": "\\ud800"}'])
def test_what_is_no_record_costs_only_itself(
    record: str, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    paths = vqa_files.write()
    text = paths["questions"].read_text().replace('"questions": [', f'"questions": [{record}, ')
    paths["questions"].write_text(text)
    convert(CocoVqa(**paths), tmp_path / "out")
    (entry,) = select_entries(tmp_path / "out")
    assert (entry.action, entry.index, entry.raw) == ("quarantined", 0, record)


def test_invalid_utf8_is_found(vqa_files: VqaFiles, tmp_path: Path) -> None:
    paths = vqa_files.write()
    data = paths["questions"].read_bytes().replace(b"number 4", b"number \xff")
    paths["questions"].write_bytes(data)
    convert(CocoVqa(**paths), tmp_path / "out")
    entries = list(select_entries(tmp_path / "out"))
    assert [(entry.reason, entry.index) for entry in entries] == [
        ("malformed-json", 4), ("answers-without-question", 4),
    ]  # fmt: skip


def test_text_and_number_are_the_same_id(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.annotations[3]["question_id"] = "3"
    vqa_files.questions[4]["question_id"] = "2"
    tree(vqa_files, tmp_path / "out")
    entries = list(select_entries(tmp_path / "out"))
    assert [(entry.reason, entry.index) for entry in entries] == [
        ("duplicate-question-id", 4), ("answers-without-question", 4),
    ]  # fmt: skip


def test_a_record_without_its_key_in_a_mixed_list(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.annotations[0]["answers"] = []
    vqa_files.annotations[1]["answers"] = ["a", {"answer": "b", "answer_id": "x"}]
    tree(vqa_files, tmp_path / "out")
    records = {record.question_id: record for record in open_shards(tmp_path / "out").records()}
    assert "0" not in records
    assert [(a.answer, a.answer_id) for a in records["1"].answers] == [("a", None), ("b", "x")]


def test_question_list_with_answers_in_it(vqa_files: VqaFiles, tmp_path: Path) -> None:
    for question in vqa_files.questions[:-2]:
        question["answers"] = ["yes", "yes", "no"]
    vqa_files.questions[-1]["answers"] = []
    paths = vqa_files.write()
    convert(CocoVqa(questions=paths["questions"]), tmp_path / "out")
    entries = list(select_entries(tmp_path / "out"))
    assert [(entry.reason, entry.question_id) for entry in entries] == [
        ("question-without-answers", "4"), ("question-without-answers", "5"),
    ]  # fmt: skip


ids = st.lists(
    st.integers(-3, 40) | st.sampled_from(["7", "07", "x", "", "-1", "9" * 30]), max_size=30
)


@given(st.lists(ids, max_size=12))
def test_index_knows_the_first_of_each_id(blocks: list[list[int | str]]) -> None:
    import numpy as np
    import pyarrow as pa

    known = IdIndex()
    known.add(pa.array(range(30)), np.arange(30))
    mentions = FirstMentions(known, 30)
    index, first, number = IdIndex(), dict[str, int](), 0
    for block in blocks:
        whole = all(isinstance(i, int) for i in block)
        array = pa.array(block, pa.int64()) if whole else pa.array(map(str, block), pa.string())
        numbers = np.arange(number, number + len(block))
        expected = [first.setdefault(str(i), n) for i, n in zip(block, numbers, strict=True)]
        assert index.add(array, numbers).tolist() == expected
        assert mentions.add(array, numbers).tolist() == expected
        assert index.find(array).tolist() == expected
        number += len(block)
    assert index.find(pa.array(["nobody"])).tolist() == [UNKNOWN]


def test_a_first_record_that_is_not_utf_8_costs_only_itself(
    vqa_files: VqaFiles, tmp_path: Path
) -> None:
    paths = vqa_files.write()
    data = paths["questions"].read_bytes()
    paths["questions"].write_bytes(data.replace(b'"image_id": 0', b'"image\x89id": 0', 1))
    convert(CocoVqa(**paths), tmp_path / "out")
    assert verify(tmp_path / "out").problems == []
    (entry,) = select_entries(tmp_path / "out", "quarantined")
    assert (entry.reason, entry.path) == ("malformed-json", "questions[0]")
    assert open_shards(tmp_path / "out").manifest.questions == 5
