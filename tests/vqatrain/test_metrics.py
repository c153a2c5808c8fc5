"""The metrics: golden vectors of the official code, and what a metric does without answers."""

from __future__ import annotations

from typing import Any

import pytest

from vqatrain.metric import all_metrics
from vqatrain.metrics.vqa_accuracy import normalise, vqa_accuracy


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
