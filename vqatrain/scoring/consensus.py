"""Agreement with several annotators: the part of VQA accuracy that many evaluation codes share.

Source: Antol et al., ICCV 2015 (https://arxiv.org/abs/1505.00468): a prediction that three of the
others gave is right, and it is compared with each choice of all annotators but one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vqatrain.scoring.answer_text import normalise, one_line

ENOUGH = 3
"""Annotators who must have given an answer for a full score."""


def leave_one_out(prediction: str, answers: Sequence[str]) -> list[float]:
    """The score against all answers but one, for each answer that is left out.

    >>> leave_one_out("cat", ["cat", "cat", "dog"])
    [0.3333333333333333, 0.3333333333333333, 0.6666666666666666]
    """
    matches = [answer == prediction for answer in answers]
    found = sum(matches)
    return [min(1, float(found - own) / ENOUGH) for own in matches]


def mean_leave_one_out(prediction: str, answers: Sequence[str]) -> float:
    """The mean of :func:`leave_one_out`."""
    scores = leave_one_out(prediction, answers)
    return float(sum(scores)) / len(scores)


def vqa_accuracy(prediction: str, answers: Sequence[Mapping[str, Any]]) -> float:
    """VQA accuracy as the official code computes it.

    Args:
        prediction: What the model answered.
        answers: The annotators' answers: ``answer`` and whatever tells them apart (id, confidence).

    Returns:
        The score, from 0 to 1.

    >>> ten = [{"answer": "yes", "answer_id": i} for i in range(10)]
    >>> vqa_accuracy("yes", ten), vqa_accuracy("Yes", ten)
    (1.0, 0.0)
    """
    scores = official_scores(prediction, answers)
    return float(sum(scores)) / len(scores)


def official_scores(prediction: str, answers: Sequence[Mapping[str, Any]]) -> list[float]:
    """The score for each annotator who is left out.

    A quirk of the official code: "the others" are the answers that differ from the annotator's as a
    whole (text, id, confidence); without ids that leaves out all equal ones.
    """
    forms = official_forms(prediction, [answer["answer"] for answer in answers])
    return scores_by_record(*forms, answers)


def scores_by_record(
    prediction: str, forms: Sequence[str], answers: Sequence[Mapping[str, Any]]
) -> list[float]:
    """The score for each annotator who is left out with all who are equal to him as a whole.

    Args:
        prediction: What the model answered, as it is compared.
        forms: The answers as they are compared.
        answers: What else tells the annotators apart.
    """
    given = [dict(answer) | {"answer": form} for answer, form in zip(answers, forms, strict=True)]
    return [
        min(1, float(sum(o != one and o["answer"] == prediction for o in given)) / ENOUGH)
        for one in given
    ]


def official_forms(prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
    """What the official code compares.

    A quirk: if all answers are equal nothing is normalised, so that "Yes" is not "yes".
    """
    prediction, lines = one_line(prediction), [one_line(text) for text in answers]
    if len(set(lines)) > 1:
        return normalise(prediction), [normalise(line) for line in lines]
    return prediction, lines
