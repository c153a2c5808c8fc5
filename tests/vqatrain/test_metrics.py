"""The metrics: golden vectors of the official code, and what a metric does without answers."""

from __future__ import annotations

import doctest
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from vqadata.errors import OptionError
from vqatrain.metrics.multiple_choice import chosen
from vqatrain.scoring.answer_text import normalise
from vqatrain.scoring.consensus import vqa_accuracy
from vqatrain.scoring.metric import all_metrics, choose_metrics


def annotators(text: str, ids: bool = True) -> list[dict[str, Any]]:
    """Answers written as ``3 yes, 7 no``."""
    words = [part.strip().partition(" ") for part in text.split(", ")]
    answers = [answer for count, _, answer in words for _ in range(int(count))]
    extra = [{"answer_id": str(i)} if ids else {} for i in range(len(answers))]
    return [{"answer": answer, **more} for answer, more in zip(answers, extra, strict=True)]


OFFICIAL = [
    # prediction, answers, official score, official score without answer ids
    ("a1", "1 a1, 9 b", 0.3, 0.3),
    ("a1", "2 a1, 8 b", 0.6, 0.5333333333333333),
    ("a1", "3 a1, 7 b", 0.9, 0.7),
    ("a1", "4 a1, 6 b", 1.0, 0.6),
    ("yes", "10 yes", 1.0, 0.0),
    ("Yes", "10 yes", 0.0, 0.0),
    ("Black.", "10 black", 0.0, 0.0),
    ("Black.", "9 black, 1 gray", 1.0, 0.1),
    ("5.", "9 5, 1 6", 1.0, 0.1),
    ("dont", "9 don't, 1 do", 1.0, 0.1),
    ("a.m.", "9 am, 1 pm", 1.0, 0.1),
    ("100%", "9 100, 1 10", 0.0, 0.0),
    ("", "5 a, 5 the", 1.0, 0.0),
    ("two", "5 2, 5 three", 1.0, 0.5),
    ("none", "5 0, 5 3", 1.0, 0.5),
    ("cat\n", "5 cat, 5 dog", 1.0, 0.5),
]


@pytest.mark.parametrize(("prediction", "answers", "with_ids", "without_ids"), OFFICIAL)
def test_vqa_accuracy_is_the_official_one(
    prediction: str, answers: str, with_ids: float, without_ids: float
) -> None:
    assert vqa_accuracy(prediction, annotators(answers)) == pytest.approx(with_ids, abs=1e-12)
    without = vqa_accuracy(prediction, annotators(answers, ids=False))
    assert without == pytest.approx(without_ids, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("left-right", "left right"),
        ("1,000 - 2", "1000 2"),
        ("3.5 m.", "3.5 m"),
        ("A man, the dog", "man dog"),
        ("couldntve", "couldntve"),
        ("couldn'tve", "couldn't've"),
        ("Im", "im"),
        ("somebody'd", "somebodyd"),
        ("yall'd've", "y'all'd've"),
        ("." * 40, "." * 8),
        ("what's $5 & 10%?", "what's $5 & 10%"),
    ],
)
def test_normalisation_keeps_the_official_quirks(text: str, expected: str) -> None:
    assert normalise(text) == expected


GOLDEN = json.loads((Path(__file__).parent / "golden_metrics.json").read_text(encoding="utf-8"))
"""Cases made at random to hit the rules, with what the original codes give, as ``python -m
peers.metrics --golden`` writes them; ``make peers-metrics`` asks the codes themselves."""


@pytest.mark.parametrize("name", sorted(GOLDEN[0]["scores"]))
def test_each_code_is_reproduced(name: str) -> None:
    metric, known = all_metrics()[name], [case for case in GOLDEN if name in case["scores"]]
    assert len(known) >= 50
    for case in known:
        ids = range(10) if case["ids"] else [None] * 10
        answers = [
            {"answer": text} | ({} if number is None else {"answer_id": str(number)})
            for text, number in zip(case["answers"], ids, strict=True)
        ]
        found = metric.score(case["prediction"], {"answers": answers})
        assert found == case["scores"][name], case


@pytest.mark.parametrize(
    ("name", "prediction", "record", "score"),
    [
        ("gqa", "cat", {"answer": "cat"}, 1.0),
        ("gqa", "Cat", {"answer": "cat"}, 0.0),
        ("anls", "total  42", {"answers": annotators("1 total 42")}, 8 / 9),
        ("anls-common", "total  42", {"answers": annotators("1 total 42")}, 1.0),
        ("anls", "ab", {"answers": annotators("1 abcd, 1 xy")}, 0.0),
        ("anls-common", "ab", {"answers": annotators("1 abcd, 1 xy")}, 0.5),
        ("anls", "", {"answers": annotators("1 a")}, 0.0),
        ("relaxed-accuracy", "104", {"answers": annotators("1 100"), "answer": "100"}, 1.0),
        ("relaxed-accuracy", "106", {"answers": annotators("1 100"), "answer": "100"}, 0.0),
        ("relaxed-accuracy", "Red", {"answers": [], "answer": "red"}, 1.0),
        ("relaxed-accuracy", "0.1", {"answers": [], "answer": "0"}, 0.0),
        ("a-okvqa", "cat", {"answers": annotators("2 cat, 8 dog")}, 2 / 3),
        ("a-okvqa", "Cat", {"answers": annotators("2 cat, 8 dog")}, 0.0),
        ("a-okvqa-choice", "b", {"choices": ["a", "b"], "correct_choice": 1, "extra": None}, 1.0),
        (
            "a-okvqa-choice", "b",
            {"choices": ["a", "b"], "correct_choice": 1,
             "extra": '{"difficult_direct_answer": true}'},
            None,
        ),
        ("answerability", "Unanswerable.", {"extra": '{"answerable": 0}'}, 1.0),
        ("answerability", "cat", {"extra": None, "unanswerable": True}, 0.0),
        ("answerability", "cat", {"extra": None, "unanswerable": None}, None),
        ("yes-no-f1", "Yes, it is", {"answer": "yes"}, 1.0),
        ("yes-no-f1", "maybe", {"answer": "no"}, 1.0),
        ("yes-no-f1", "yes", {"answer": "cat"}, None),
    ],
)  # fmt: skip
def test_metrics_of_single_data_sets(
    name: str, prediction: str, record: dict[str, Any], score: float | None
) -> None:
    assert all_metrics()[name].score(prediction, record) == score


@pytest.mark.parametrize(
    ("prediction", "choice"),
    [
        ("B", 1), ("(b)", 1), ("b) a cat", 1), ("The answer is B.", 1), ("Answer: C", 2),
        ("A cat", 1), ("a", 0), ("E", None), ("because", None), ("", None), ("Bee", None),
    ],
)  # fmt: skip
def test_an_option_is_named_by_text_or_letter(prediction: str, choice: int | None) -> None:
    assert chosen(prediction, ["a dog", "a cat", "a cow"]) == choice


def test_an_options_text_wins_over_a_letter() -> None:
    assert chosen("A", ["B", "A"]) == 1


def test_ok_vqa_compares_stems() -> None:
    answers = [{"answer": "race", "raw_answer": "racing", "answer_id": str(i)} for i in range(5)]
    answers += [{"answer": "car", "raw_answer": "cars", "answer_id": str(i)} for i in range(5, 10)]
    metric = all_metrics()["ok-vqa"]
    assert metric.score("Racing", {"answers": answers}) == 1.0
    assert metric.score("race", {"answers": answers}) == 1.0
    assert metric.score("races", {"answers": answers}) == 0.0
    assert metric.score("a", {"answers": annotators("5 a, 5 b")}) is None


def test_answers_are_not_changed_by_scoring() -> None:
    answers = annotators("5 The Cat!, 5 dog")
    vqa_accuracy("cat", answers)
    assert answers == annotators("5 The Cat!, 5 dog")


def test_metrics_are_found() -> None:
    assert {"vqa-accuracy", "exact-match"} <= set(all_metrics())


@pytest.mark.parametrize(
    ("prediction", "answer", "score"),
    [("Circle ", "circle", 1.0), ("circles", "circle", 0.0), ("circle", None, None)],
)
def test_exact_match(prediction: str, answer: str | None, score: float | None) -> None:
    record = {"answer": answer, "answers": []}
    assert all_metrics()["exact-match"].score(prediction, record) == score


def test_vqa_accuracy_says_nothing_of_a_single_answer() -> None:
    record = {"answer": "a", "answers": [{"answer": "a"}]}
    assert all_metrics()["vqa-accuracy"].score("a", record) is None


def test_metrics_are_chosen_by_name() -> None:
    assert list(choose_metrics(["gqa", "gqa"])) == ["gqa"]
    assert set(choose_metrics()) == {"vqa-accuracy", "vqa-accuracy-robust", "exact-match"}
    assert choose_metrics(["all"]).keys() == all_metrics().keys()
    with pytest.raises(OptionError, match="vqa-accuracy"):
        choose_metrics(["accuracy"])


@pytest.mark.parametrize(
    "module",
    ["scoring.answer_text", "scoring.consensus", "scoring.edit_distance", "metrics.anls",
     "metrics.multiple_choice", "metrics.relaxed_accuracy"],
)  # fmt: skip
def test_examples_in_the_code_hold(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"vqatrain.{module}"))
    assert found.attempted > 0
    assert found.failed == 0
