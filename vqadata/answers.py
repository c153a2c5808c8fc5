"""From many answers to the one to train on.

The policy is an option of every source and is recorded in the manifest. All answers stay in the
record whatever the policy, so another one can be applied later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from vqadata.record import Answer, SoftLabel

AnswerPolicy = Literal["majority", "first", "most-confident", "soft", "given"]

CONFIDENCE_ORDER = {"yes": 2, "maybe": 1, "no": 0}
"""How sure the annotators of VQA v1/v2 said they were; an unknown word counts as ``no``."""

SOFT_SCORE_STEP = 0.3
"""Soft score an occurrence: the leave-one-out VQA accuracy of an answer (Antol et al. 2015)."""


class Choice(NamedTuple):
    """The chosen answer, with soft labels where the policy makes them."""

    answer: str | None
    soft_labels: list[SoftLabel]


def choose(policy: AnswerPolicy, answers: Sequence[Answer], given: str | None) -> Choice:
    """Choose the training answer.

    Args:
        policy: ``majority``: the most frequent answer; of tied ones the one that comes first in the
            source. ``first``: the first answer. ``most-confident``: the majority among the answers
            with the highest confidence. ``soft``: the majority, plus soft labels of all distinct
            answers. ``given``: what the source itself names as the answer.
        answers: All answers in source order; answers are equal if their texts are.
        given: The source's own single answer (``multiple_choice_answer``), if it has one.

    Returns:
        The answer, ``None`` where there is nothing to choose from.
    """
    if policy == "given" or not answers:
        return Choice(given, [])
    if policy == "first":
        return Choice(answers[0].answer, [])
    if policy == "most-confident":
        return Choice(_majority(_most_confident(answers)), [])
    return Choice(_majority(answers), _soft_labels(answers) if policy == "soft" else [])


def _majority(answers: Sequence[Answer]) -> str:
    # Counter keeps insertion order and most_common sorts stably: a tie goes to the first.
    return Counter(answer.answer for answer in answers).most_common(1)[0][0]


def _most_confident(answers: Sequence[Answer]) -> list[Answer]:
    best = max(_confidence(answer) for answer in answers)
    return [answer for answer in answers if _confidence(answer) == best]


def _confidence(answer: Answer) -> int:
    return CONFIDENCE_ORDER.get(answer.confidence or "no", 0)


def _soft_labels(answers: Sequence[Answer]) -> list[SoftLabel]:
    counts = Counter(answer.answer for answer in answers)
    return [
        SoftLabel(answer=text, score=min(1.0, round(SOFT_SCORE_STEP * n, 1)))
        for text, n in counts.most_common()
    ]
