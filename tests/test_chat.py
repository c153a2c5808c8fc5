"""Conversations: turns, pictures and where they stood, in every shape that trainers read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import encoded
from vqadata import convert, open_shards, verify
from vqadata.layouts.chat import Slot, parse_text
from vqadata.ledger import LedgerEntry, select_entries
from vqadata.record import Record
from vqadata.sources.messages import Messages
from vqadata.sources.query_response import QueryResponse
from vqadata.sources.sharegpt import Sharegpt

PICTURES = ["a.png", "b.png", "c.png"]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, colour in zip(PICTURES, ("red", "blue", "green"), strict=True):
        (folder / name).write_bytes(encoded(colour))
    return folder


def converted(
    kind: type[Messages | Sharegpt | QueryResponse], raw: Path, *rows: Any, **options: Any
) -> tuple[list[Record], list[LedgerEntry]]:
    (raw / "data.json").write_text(json.dumps(list(rows)), encoding="utf-8")
    out = raw.parent / "out"
    convert(kind(data=raw / "data.json", **options), out)
    assert verify(out).problems == []
    records = sorted(open_shards(out).records(), key=lambda r: (r.origin.index, r.origin.part or 0))
    return records, list(select_entries(out))


def asked(*texts: str, pictures: list[str] | None = None) -> dict[str, Any]:
    """A LLaVA record of questions, each answered with yes."""
    said = [
        {"from": who, "value": t} for text in texts for who, t in (("human", text), ("gpt", "yes"))
    ]
    return {"conversations": said, "image": pictures or []}


def said(text: Any, images: list[Any], answer: str = "yes") -> dict[str, Any]:
    """A record with one question and one answer as messages."""
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "images": images}


MARKS = {
    "<image>What?": ("What?", []),
    "<image>\nWhat?": ("What?", []),
    "What?\n<image>": ("What?", [(0, 5)]),
    "What <image> is it?": ("What  is it?", [(0, 5)]),
    "<__dj__image>What?": ("What?", []),
    "<|vision_start|><|image_pad|><|vision_end|>What?": ("What?", []),
    "<|image_1|>\nWhat?": ("What?", []),
    "What?": ("What?", []),
}


@pytest.mark.parametrize("text", MARKS)
def test_a_mark_is_taken_out_and_its_place_is_kept(text: str, raw: Path) -> None:
    (record,), entries = converted(Sharegpt, raw, asked(text, pictures=["a.png"]))
    clean, places = MARKS[text]
    assert (record.text, record.image_path) == (clean, "a.png")
    assert [(p.image, p.offset) for p in record.placeholders] == places
    assert entries == []


def test_turns_share_their_pictures_and_a_dialog(raw: Path) -> None:
    row = asked("<image>First?", "And <image>?", "Third?", pictures=["a.png", "b.png"])
    records, _ = converted(Sharegpt, raw, row)
    assert [(r.dialog_id, r.turn) for r in records] == [("data-0", 0), ("data-0", 1), ("data-0", 2)]
    assert {(r.image_path, *r.more_image_paths) for r in records} == {("a.png", "b.png")}
    places = [[(p.image, p.offset) for p in r.placeholders] for r in records]
    assert places == [[(0, 0)], [(1, 4)], []]
    assert [(r.origin.part, r.origin.parts) for r in records] == [(0, 3), (1, 3), (2, 3)]


@pytest.mark.parametrize("marks", ["<image>", "<image><image><image>", "<|image_1|><image>"])
def test_marks_that_are_not_as_many_as_pictures_are_not_guessed_at(marks: str, raw: Path) -> None:
    row = asked(f"{marks}Which?", pictures=["a.png", "b.png"])
    records, (entry,) = converted(Sharegpt, raw, row)
    assert records == []
    assert (entry.action, entry.reason) == ("quarantined", "placeholder-count")
    assert entry.expected == "2, one for each picture"


def test_a_mark_in_an_answer_is_text(raw: Path) -> None:
    row = said("<image>Write a tag.", ["a.png"], "<image>")
    (record,), (entry,) = converted(Messages, raw, row)
    assert (record.answer, record.placeholders) == ("< image>", [])
    assert (entry.action, entry.reason) == ("flagged", "markup-in-text")
    assert json.loads(entry.raw or "")["given_answer"] == "<image>"


def test_numbered_marks_may_stand_in_any_order(raw: Path) -> None:
    row = {"query": "Is <image 2> before <image 1>?", "response": "no", "images": PICTURES[:2]}
    (record,), _ = converted(QueryResponse, raw, row)
    assert record.text == "Is  before ?"
    assert [(p.image, p.offset) for p in record.placeholders] == [(1, 3), (0, 11)]


def test_pictures_named_in_the_text_stand_there(raw: Path) -> None:
    row = {"query": "<img>a.png</img> or <img>b.png</img>?", "response": "the first"}
    (record,), _ = converted(QueryResponse, raw, row)
    assert (record.image_path, record.more_image_paths) == ("a.png", ["b.png"])
    assert (record.text, record.placeholders[1].offset) == ("or ?", 3)


@pytest.mark.parametrize("form", ["path", "url", "bytes", "text", "file"])
def test_a_picture_is_named_in_many_ways(form: str, raw: Path) -> None:
    import base64

    data = base64.b64encode((raw / "a.png").read_bytes()).decode()
    forms = {"path": {"path": "a.png"}, "url": {"url": "a.png"}, "bytes": {"bytes": data},
             "text": f"data:image/png;base64,{data}", "file": f"file://{raw}/a.png"}  # fmt: skip
    (record,), entries = converted(Messages, raw, said("<image>What?", [forms[form]]))
    assert entries == []
    (picture,) = open_shards(raw.parent / "out").pictures(0)
    assert picture == (raw / "a.png").read_bytes()
    assert record.image_path


def test_content_parts_keep_their_order(raw: Path) -> None:
    parts = [{"type": "text", "text": "Is "}, {"type": "image_url", "image_url": {"url": "b.png"}},
             {"type": "text", "text": " red?"}]  # fmt: skip
    (record,), _ = converted(Messages, raw, said(parts, []))
    assert (record.text, record.image_path) == ("Is  red?", "b.png")
    assert [(p.image, p.offset) for p in record.placeholders] == [(0, 3)]


def test_a_damaged_data_uri_costs_only_its_turn(raw: Path) -> None:
    uri = "data:image/png;base64," + "*" * 80
    records, (entry,) = converted(Messages, raw, said("<image>?", [uri]), said("Who?", ["a.png"]))
    assert len(records) == 1
    assert (entry.action, entry.reason) == ("quarantined", "malformed-data-uri")


TURNS = {
    "starts with an answer": [("assistant", "Hi."), ("user", "What?")],
    "asks twice": [("user", "What?"), ("user", "Where?")],
    "system in between": [("user", "What?"), ("system", "Be short.")],
}


@pytest.mark.parametrize("fault", TURNS)
def test_turns_out_of_order_are_named(fault: str, raw: Path) -> None:
    messages = [{"role": role, "content": text} for role, text in TURNS[fault]]
    records, (entry,) = converted(Messages, raw, {"messages": messages, "images": ["a.png"]})
    assert records == []
    assert entry.reason == "turn-order"
    assert (entry.path or "").startswith("[0].messages[")


@pytest.mark.parametrize("beside", [{"solution": "B"}, {"reward_model": {"ground_truth": "B"}}])
def test_a_solution_beside_the_messages_answers_the_last_of_them(beside: Any, raw: Path) -> None:
    asked_only = {"messages": said("<image>Which?", [])["messages"][:1], "images": ["a.png"]}
    answered = said("<image>Which?", ["b.png"])
    records, entries = converted(Messages, raw, asked_only | beside, answered | beside)
    assert [record.answer for record in records] == ["B", "yes"]
    assert entries == []


def test_an_answer_that_is_not_wanted_is_told_where_it_stands_alone(raw: Path) -> None:
    row = said("<image>Which?", ["a.png"])
    _, entries = converted(Messages, raw, row, row | {"label": False})
    assert [(entry.reason, entry.found) for entry in entries] == [
        ("question-without-answers", "rejected answers alone")
    ]


def test_rows_about_text_alone_are_counted_or_kept(raw: Path) -> None:
    row = asked("What is a bus?", "And a car?")
    records, entries = converted(Sharegpt, raw, row, asked("<image>Who?", pictures=["a.png"]))
    assert len(records) == 1
    assert {(e.action, e.reason) for e in entries} == {("dropped", "text-only")}
    records, entries = converted_again(raw)
    assert [r.image_path for r in records] == [None, None, "a.png"]
    assert entries == []


def converted_again(raw: Path) -> tuple[list[Record], list[LedgerEntry]]:
    out = raw.parent / "kept"
    convert(Sharegpt(data=raw / "data.json", text_only="keep"), out)
    assert verify(out).problems == []
    assert open_shards(out).manifest.pictures == 2
    records = sorted(open_shards(out).records(), key=lambda r: (r.origin.index, r.origin.part or 0))
    return records, list(select_entries(out))


def test_marks_are_cut_out_of_text() -> None:
    assert parse_text("no mark, <img src=x>, <imaged>") == ["no mark, <img src=x>, <imaged>"]
    assert parse_text("<image><image>") == [Slot("<image>"), Slot("<image>")]
    assert parse_text("a <img>b.jpg</img>") == ["a ", Slot("<img>b.jpg</img>", "b.jpg")]
