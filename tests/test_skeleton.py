"""A list that fits a skeleton as a whole is valid JSON, and holds the records that it seems to."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from vqadata.reading.json_skeleton import Skeleton

ROWS = [
    {"question_id": number, "image_id": 7 * number, "question": f"What is {number}, \"é\"?",
     "answers": [{"answer": answer, "answer_id": n} for n, answer in enumerate(("yes", "a\\b"))]}
    for number in range(1, 9)
]  # fmt: skip
FORMS = {"plain": {}, "dense": {"separators": (",", ":")}, "UTF-8": {"ensure_ascii": False}}


def listed(form: str) -> tuple[bytes, bytes]:
    """The rows as a list, and what stands between two."""
    text = json.dumps(ROWS, **FORMS[form]).encode()
    return text, b"," if form == "dense" else b", "


def skeleton_of(text: bytes) -> Skeleton:
    record = msgspec.json.decode(text, type=list[msgspec.Raw])[0]
    skeleton = Skeleton.of(bytes(record))
    assert skeleton is not None
    return skeleton


@pytest.mark.parametrize("form", FORMS)
def test_a_list_of_alike_records_is_proved_by_its_skeleton(form: str) -> None:
    text, between = listed(form)
    skeleton = skeleton_of(text)
    records = skeleton.all_of(text, between, 100)
    assert records is not None
    assert [json.loads(record) for record in records] == ROWS
    assert records.place(0) == 101
    assert records.proved.all()
    assert skeleton.fit(records) is records.fitted
    assert records.fitted.integers(0).to_pylist() == [row["question_id"] for row in ROWS]
    assert records.fitted.texts([2]).to_pylist() == [row["question"] for row in ROWS]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"question_id": 3', '"question_id": 03'),
        ('"question_id": 3', '"question_id": 3.0'),
        ('"question_id": 3', '"question_id": -3'),
        ('"question_id": 3', '"question_id": '),
        ("What is 3", "What\nis 3"),
        ("What is 3", "What \\x 3"),
        ("What is 3", "What \\u12 3"),
        ('}, {"question_id": 3', '},  {"question_id": 3'),
        ('}, {"question_id": 3', '}; {"question_id": 3'),
        ('}, {"question_id": 3', '}{"question_id": 3'),
        ('"image_id": 21', '"imageid": 21'),
        ('"image_id": 21', '"image_id": 21, "more": 1'),
        ('[{"question_id": 1', '[ {"question_id": 1'),
        ("}]}]", "}]} ]"),
        ("}]}]", "}]},]"),
    ],
)
def test_a_list_that_is_otherwise_is_not_proved(old: str, new: str) -> None:
    text = listed("plain")[0].decode()
    assert text.count(old) == 1
    assert skeleton_of(text.encode()).all_of(text.replace(old, new).encode(), b", ", 0) is None


def test_bytes_that_are_no_text_are_not_proved() -> None:
    text, between = listed("UTF-8")
    assert skeleton_of(text).all_of(text.replace("é".encode(), b"\xe9", 1), between, 0) is None


@pytest.mark.parametrize("form", FORMS)
def test_whatever_is_proved_is_what_a_parser_reads(form: str) -> None:
    text, between = listed(form)
    skeleton, draw, proved = skeleton_of(text), random.Random(form), 0
    for _ in range(4_000):
        damaged, at = bytearray(text), draw.randrange(1, len(text) - 1)
        end = at + draw.choice([0, 1, 1, 1, 2, 9])
        damaged[at:end] = draw.choice(
            [
                b'"',
                b"\\",
                b"0",
                b"1",
                b"x",
                b"\0",
                b"\xff",
                b"{",
                b"}",
                b", ",
                b"",
                text[at:end] * 2,
            ]
        )
        records = skeleton.all_of(bytes(damaged), between, 0)
        if records is not None:
            proved += 1
            read = msgspec.json.decode(bytes(damaged), type=list[msgspec.Raw])
            assert records[:] == [bytes(record) for record in read]
    assert proved > 100
