"""From many answers to one: each policy, and its tie rule."""

from __future__ import annotations

import pytest

from vqadata.answers import choose
from vqadata.record import Answer


def answers(*texts: str, confidence: str | None = None) -> list[Answer]:
    return [Answer(answer=text, confidence=confidence) for text in texts]


def test_majority_and_its_tie_go_to_the_first() -> None:
    assert choose("majority", answers("b", "a", "a"), None).answer == "a"
    assert choose("majority", answers("b", "a", "a", "b"), None).answer == "b"


def test_first() -> None:
    assert choose("first", answers("b", "a", "a"), "a").answer == "b"


def test_most_confident_answers_vote() -> None:
    sure = answers("x", "y", "y", confidence="yes")
    unsure = answers("x", "x", "x", confidence="maybe")
    assert choose("most-confident", unsure + sure, None).answer == "y"
    assert choose("most-confident", answers("b", "a", "a"), None).answer == "a"


def test_given_is_what_the_source_says() -> None:
    assert choose("given", answers("b", "b"), "a").answer == "a"
    assert choose("given", answers("b", "b"), None).answer is None


def test_soft_labels_are_leave_one_out_accuracies() -> None:
    chosen = choose("soft", answers("a", "b", "b", "c", "c", "c", "c"), None)
    assert chosen.answer == "c"
    assert [(label.answer, label.score) for label in chosen.soft_labels] == [
        ("c", 1.0), ("b", 0.6), ("a", 0.3),
    ]  # fmt: skip


@pytest.mark.parametrize("policy", ["majority", "first", "most-confident", "soft"])
def test_nothing_to_choose_from(policy: str) -> None:
    assert choose(policy, [], None) == (None, [])  # type: ignore[arg-type]
