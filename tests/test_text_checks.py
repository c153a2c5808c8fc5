"""Cleaners that look at words alone: what each finds, and what it must leave alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import VqaFiles
from vqadata import clean, convert, open_shards, verify
from vqadata.cleaners.answer_in_question import AnswerInQuestion
from vqadata.cleaners.control_characters import ControlCharacters
from vqadata.cleaners.empty_text import EmptyText
from vqadata.cleaners.language import Language
from vqadata.cleaners.mojibake import Mojibake
from vqadata.cleaners.near_question import NearQuestion, _one_edit
from vqadata.cleaners.sentinel_answer import SentinelAnswer
from vqadata.cleaners.yes_no import YesNo
from vqadata.ledger import LedgerEntry, select_entries
from vqadata.record import Agreement, Answer, Origin, Record
from vqadata.shards.schema import shard_schema
from vqadata.steps import Cleaner, Verdict

Asked = tuple[str, str | None]


def judged(cleaner: Cleaner, *pictures: Sequence[Asked], **fields: Any) -> list[Verdict]:
    """The findings on questions of some pictures; ids are numbers through all of them."""
    import pyarrow as pa

    numbers = count()
    rows = [
        [Record(question_id=str(n := next(numbers)), image_path="a.jpg", text=text, answer=answer,
                origin=Origin(source="test", file="q.json", index=n), **fields).model_dump()
         for text, answer in questions]
        for questions in pictures
    ]  # fmt: skip
    shards = [{"images": [], "image_facts": [], "questions": questions} for questions in rows]
    batch = pa.RecordBatch.from_pylist(shards, schema=shard_schema())
    return list(cleaner.judge(batch))


def codes(cleaner: Cleaner, *questions: Asked, **fields: Any) -> list[str]:
    """Codes of the findings on questions of one picture."""
    return [verdict.why.reason for verdict in judged(cleaner, questions, **fields)]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("", "x"), ["empty-question"]),
        ((" ?! ", "x"), ["empty-question"]),
        (("x?", " \t"), ["empty-answer"]),
        (("x?", "\u200b"), ["empty-answer"]),
        (("x?", None), []),
        (("这是什么？", "+"), []),  # noqa: RUF001
    ],
)
def test_empty_text(asked: Asked, found: list[str]) -> None:
    assert codes(EmptyText(), asked) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("a\u202eb?", "x"), ["bidi-control"]),
        (("a?", "\x07x"), ["control-character"]),
        (("a\u200bb\ufeff?", "x"), ["invisible-character"]),
        (("\ue000?", "x\x85"), ["invisible-character", "control-character"]),
        (("tab\tand\nline, می‌خواهم, 👨‍👩‍👧, שלום\u200f!", "é"), []),
    ],
)
def test_control_characters(asked: Asked, found: list[str]) -> None:
    assert codes(ControlCharacters(), asked) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("Is this a cafÃ©?", "x"), ["mojibake"]),
        (("It isnâ€™t, is it?", "x"), ["mojibake"]),
        (("a?", "na\ufffdve"), ["replacement-character"]),
        (("锟斤拷?", "x"), ["replacement-character"]),
        (("Café, naïve, Ærø, ½ – “x” 5 €?", "日本語 Привет"), []),  # noqa: RUF001
    ],
)
def test_mojibake(asked: Asked, found: list[str]) -> None:
    assert codes(Mojibake(), asked) == found


@pytest.mark.parametrize("answer", ["N/A", "unknown", " NaN ", "-", "?", "Can't tell.", "不知道"])
def test_sentinel_answers(answer: str) -> None:
    assert codes(SentinelAnswer(), ("What is it?", answer)) == ["sentinel-answer"]


def test_answers_that_only_look_like_sentinels() -> None:
    cleaner = SentinelAnswer(sentinel=["see above"])
    assert codes(cleaner, ("How many?", "none"), ("Salt?", "Na"), ("有吗?", "无")) == []
    assert codes(cleaner, ("Which?", "unknown"), choices=["cat", "unknown"]) == []
    assert codes(cleaner, ("Which?", "unanswerable"), unanswerable=True) == []
    assert codes(cleaner, ("Which?", "See above")) == ["sentinel-answer"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("What colour is the red car?", "Red"), True),
        (("心脏肥大位于胸腔的哪个部位?", "心脏"), True),
        (("Is it red or blue?", "red"), False),
        (("Is the carpet old?", "car"), False),
        (("Is there no dog?", "no"), False),
        (("Are there 250 or so? 250?", "250"), False),
        (("图中存在异常吗?", "存在"), False),
        (("心脏和肝脏哪个更大?", "心脏"), False),
    ],
)
def test_answer_in_question(asked: Asked, found: bool) -> None:
    assert codes(AnswerInQuestion(), asked) == ["answer-in-question"] * found


def test_a_question_that_lists_its_choices_may_hold_the_answer() -> None:
    asked = ("Cat, dog, or what do you see? Choose: cat, dog.", "cat"), ("Pick cat, dog", "cat")
    assert codes(AnswerInQuestion(), *asked, choices=["cat", "dog"]) == []


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (("What color is the cat?", "red"), ("what colour is the cat", "red"),
         ["near-duplicate-question"]),
        (("How many planes?", "8"), ("How many planes are visible?", "8"),
         ["near-duplicate-question"]),
        (("What brand is this toaster?", "a"), ("What brand is that toaster?", "b"),
         ["near-conflict"]),
        (("Who holds the umbrella?", "he"), ("Who holds the umbrela?", "he"),
         ["near-duplicate-question"]),
        (("Is it hip abduction?", "yes"), ("Is it hip adduction?", "no"), []),
        (("What color is the cat?", "red"), ("What color is the hat?", "red"), []),
        (("Is the dog left of the cat?", "yes"), ("Is the cat left of the dog?", "yes"), []),
        (("Is there a dog?", "yes"), ("Is there no dog?", "yes"), []),
        (("Is there a dog?", "yes"), ("is there a dog", "yes"), []),  # that of duplicate
    ],
)  # fmt: skip
def test_near_questions(one: Asked, other: Asked, found: list[str]) -> None:
    assert codes(NearQuestion(), one, other) == found


def test_near_questions_are_those_of_one_picture() -> None:
    pictures = [
        [("What color is the cat?", "red"), ("Who holds the big umbrella?", "he")],
        [("Who sees the umbrella?", "she"), ("Who sees the umbrela?", "she")],
        [("what colour is the cat", "red"), ("Who holds the umbrella?", "he")],
        [("How many planes?", "8"), ("How many planes are visible?", "8"), ("A cat?", "yes")],
        [("Who sees the umbrella here?", "she"), ("How many planes are there?", "8")],
        [("How many planes?", "8"), ("How many planes are there?", "8")],
        [("Who takes the umbrela?", "she"), ("Who takes the umbrella?", "she")],
    ]
    found = judged(NearQuestion(), *pictures)
    others = [(one.details or {})["other"]["question_id"] for one in found]
    assert sorted((one.row, one.question, n) for one, n in zip(found, others, strict=True)) == [
        (1, 1, "2"), (3, 1, "6"), (5, 1, "11"), (6, 1, "13"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (("Is there a dog?", "yes"), ("Is there any dog?", "No"), True),
        (("Is there a dog?", "yes"), ("Is there no dog?", "yes"), True),
        (("Is the dog wet?", "no"), ("Isn't the dog wet?", "no"), True),
        (("Is the lamp on?", "yes"), ("Is the lamp off?", "yes"), True),
        (("Is the lamp on?", "no"), ("Is the lamp off?", "no"), False),
        (("Is the lamp on?", "yes"), ("Is the lamp off?", "no"), False),
        (("Is there a dog?", "yes"), ("Is there no dog?", "no"), False),
        (("Is there a man?", "yes"), ("Is there a woman?", "yes"), False),
        (("Is the patient male?", "yes"), ("Is the patient female?", "yes"), True),
        (("Is there a man reading?", "yes"), ("Is there a woman reading?", "yes"), False),
        (("Is the man old?", "yes"), ("Is the woman old?", "yes"), False),
    ],
)
def test_contradictory_yes_and_no(one: Asked, other: Asked, found: bool) -> None:
    assert codes(YesNo(), one, other) == ["contradictory-yes-no"] * found


@pytest.mark.parametrize(("noes", "found"), [(2, False), (3, False), (4, True), (5, True)])
def test_divided_annotators(noes: int, found: bool) -> None:
    said = [Answer(answer="no")] * noes + [Answer(answer="yes")] * (10 - noes)
    agreement = Agreement(distinct=2, majority_share=(10 - noes) / 10, entropy=1, tie=noes == 5,
                          contradiction=True)  # fmt: skip
    found_codes = codes(YesNo(), ("Is it wet?", "yes"), answers=said, agreement=agreement)
    assert found_codes == ["divided-annotators"] * found


def test_scripts() -> None:
    latin = Language(script=["latin"])
    assert codes(latin, ("What is it?", "x"), ("这是什么 MRI?", "x")) == ["other-script"]
    assert codes(Language(), ("这是什么?", "x"), ("Что это?", "x")) == []
    assert codes(Language(), ("Is the c\u0430t wet?", "x")) == ["mixed-script-word"]
    assert codes(Language(), ("Is it TNF-α or 5 µm of β-cells?", "x")) == []  # noqa: RUF001


def cleaned(files: VqaFiles, folder: Path, *cleaners: Cleaner) -> list[LedgerEntry]:
    from vqadata.sources.coco_vqa import CocoVqa

    convert(CocoVqa(**files.write()), folder / "shards")
    clean(folder / "shards", folder / "clean", cleaners)
    assert verify(folder / "clean").problems == []
    return list(select_entries(folder / "clean"))


@pytest.mark.parametrize(("action", "kept"), [("flag", 6), ("drop", 5)])
def test_a_check_flags_or_drops(
    action: str, kept: int, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.questions[4]["question"] = "Is this a cafÃ©?"
    (entry,) = cleaned(vqa_files, tmp_path, Mojibake(action=action))  # type: ignore[arg-type]
    assert (entry.question_id, entry.path, entry.found) == ("4", "text", "Is this a cafÃ©?")
    assert entry.expected == "perhaps Is this a café?"
    assert open_shards(tmp_path / "clean").manifest.questions == kept


EDITS = st.sampled_from(["drop", "insert", "replace", "swap"])


@given(st.text("abc", min_size=2, max_size=7), EDITS, st.data())
def test_one_edit_is_recognised(word: str, edit: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 2))
    other = {
        "drop": word[:at] + word[at + 1 :],
        "insert": word[:at] + "z" + word[at:],
        "replace": word[:at] + "z" + word[at + 1 :],
        "swap": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    }[edit]
    assert other == word or _one_edit(word, other)
    assert not _one_edit(word, "z" + other[::-1] + "zz")


ANYTHING = st.text(st.characters(codec="utf-8"), max_size=40)


@settings(deadline=None)
@given(st.lists(st.tuples(ANYTHING, st.none() | ANYTHING), min_size=1, max_size=5))
def test_no_text_breaks_a_check(questions: list[Asked]) -> None:
    answers = [Answer(answer="yes"), Answer(answer="no")]
    for kind in (EmptyText, ControlCharacters, Mojibake, SentinelAnswer, AnswerInQuestion,
                 NearQuestion, YesNo, Language):  # fmt: skip
        codes(kind(), *questions, answers=answers)
