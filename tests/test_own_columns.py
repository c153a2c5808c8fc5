"""Known layouts under other names of their columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.test_sources import fixture_of
from vqadata import convert, export, open_shards
from vqadata.converting.recognition import recognise
from vqadata.errors import VqaDataError
from vqadata.ledger import select_entries
from vqadata.sources.llama_factory import LlamaFactory
from vqadata.sources.messages import Messages
from vqadata.sources.query_response import QueryResponse

INFO = fixture_of("llama-factory") / "dataset_info.json"


def lines(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_columns_are_renamed_and_what_stood_there_is_kept(tmp_path: Path) -> None:
    rows = lines(tmp_path, {"text": "What?", "label": "a cup", "response": "none", "pics": []})
    named = ["query=text", "response=label", "images=pics"]
    source = QueryResponse(data=rows, column=named, text_only="keep", missing_pictures="keep")
    convert(source, tmp_path / "out")
    (record,) = open_shards(tmp_path / "out").records()
    assert (record.text, record.answer, record.extra) == ("What?", "a cup", '{"label":"none"}')


@pytest.mark.parametrize("column", ["query=no", "query", "=text"])
def test_a_column_that_is_not_there_is_refused(column: str, tmp_path: Path) -> None:
    rows = lines(tmp_path, {"text": "What?", "response": "a cup"})
    with pytest.raises(VqaDataError, match="--column"):
        convert(QueryResponse(data=rows, column=[column]), tmp_path / "out")


def test_an_answer_that_is_judged_bad_is_not_trained_on(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    rows = lines(tmp_path, {"messages": said, "label": True}, {"messages": said, "label": False})
    source = Messages(data=rows, text_only="keep", unanswered="keep")
    convert(source, tmp_path / "out")
    good, bad = open_shards(tmp_path / "out").records()
    assert (good.answer, good.rejected, bad.answer, bad.rejected) == ("So.", [], None, ["So."])


@pytest.mark.parametrize(
    ("name", "message"),
    [("elsewhere", "hub"), ("not_here", "is not there"), ("shops", "one of shop, asked")],
)
def test_a_data_set_that_is_not_here_is_named(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(VqaDataError, match=message):
        convert(LlamaFactory(data=INFO, dataset=[name]), tmp_path / "out")


def test_one_data_set_is_chosen(tmp_path: Path) -> None:
    convert(LlamaFactory(data=INFO, dataset=["better"]), tmp_path / "out")
    (record,) = open_shards(tmp_path / "out").records()
    assert (record.answer, record.rejected) == ("On the table.", ["In the sea."])


def test_a_file_outside_of_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    lines(tmp_path, {"instruction": "Why?", "output": "So."})
    info = tmp_path / "in" / "dataset_info.json"
    info.write_text(json.dumps({"mine": {"file_name": "../rows.jsonl"}}))
    with pytest.raises(VqaDataError, match="leads out"):
        convert(LlamaFactory(data=info), tmp_path / "out")


def test_our_own_export_comes_back(tmp_path: Path) -> None:
    from vqadata.exports.llama_factory import LlamaFactory as Export

    convert(LlamaFactory(data=INFO), tmp_path / "shards")
    export(Export(), tmp_path / "shards", tmp_path / "folder")
    told = recognise(tmp_path / "folder")
    assert told.source is LlamaFactory
    convert(told.source.model_validate(told.options), tmp_path / "back")
    first, again = (
        {(record.text, record.answer) for record in open_shards(tmp_path / name).records()}
        for name in ("shards", "back")
    )
    assert first == again
    assert not [e for e in select_entries(tmp_path / "back") if e.action == "quarantined"]


def test_the_words_of_openai_under_the_name_of_sharegpt(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    told = recognise(lines(tmp_path, {"conversations": said}, {"conversations": said}))
    convert(told.source.model_validate({**told.options, "text_only": "keep"}), tmp_path / "out")
    assert [record.answer for record in open_shards(tmp_path / "out").records()] == ["So.", "So."]


def test_answers_that_are_objects_are_not_taken_for_none(tmp_path: Path) -> None:
    asked = {"image": "1.png", "question": "What is it?", "answer": {"text": "a cup"}}
    with pytest.raises(VqaDataError, match=r"plainly the answer; perhaps answer\.text"):
        recognise(lines(tmp_path, asked, asked | {"image": "2.png"}))
