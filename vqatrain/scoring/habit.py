"""How a model answers: whether it commits to an answer, and at what length."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vqatrain.answering.greedy import greedy
from vqatrain.batches.batch import Batcher
from vqatrain.data import Example

log = logging.getLogger(__name__)

REFUSAL = re.compile(
    r"\b(?:i (?:cannot|can ?not|can't|do not know|don't know)|"
    r"(?:i am|i'm) (?:sorry|unable|not (?:able|sure))|as an ai|"
    r"cannot (?:be )?(?:determined?|answer(?:ed)?|tell)|unanswerable|unsuitable)\b",
    re.IGNORECASE,
)
"""What a model says that does not commit to an answer, in English."""

LONGEST = 64
"""Tokens after which an answer is cut."""

FALL = 0.1
"""Fall of the share of answers that is warned of."""

STRETCH = 1.5
"""Growth of the mean length that is warned of."""

ROWS = 8
"""Questions that are answered at a time."""


class Habit(BaseModel):
    """How a model answered some questions."""

    model_config = ConfigDict(frozen=True)

    rows: int = Field(description="Questions that were asked.")
    answered: float = Field(description="Share of answers that are neither empty nor a refusal.")
    refused: float = Field(description="Share of refusals, as told by phrases in English.")
    mean_words: float = Field(description="Mean length of an answer in words.")


def observe(model: Any, batcher: Batcher, examples: Sequence[Example]) -> Habit:
    """Let a model answer greedily, and count.

    Args:
        model: The model, with its adapters.
        batcher: Makes its prompts.
        examples: What is asked; at least one.
    """
    return count(answers(model, batcher, examples))


def answers(model: Any, batcher: Batcher, examples: Sequence[Example]) -> list[str]:
    """Greedy answers of a model that may be in the middle of its training."""
    training = model.training
    model.eval()
    said: list[str] = []
    for start in range(0, len(examples), ROWS):
        made = greedy(model, batcher.prompts(examples[start : start + ROWS]), LONGEST)
        said += batcher.decode(made.ids)
    model.train(training)
    return said


def count(answers: Sequence[str]) -> Habit:
    """The figures of some answers.

    >>> count(["two dogs", "I'm sorry, I cannot tell.", ""]).answered
    0.3333333333333333
    """
    refused = sum(REFUSAL.search(answer) is not None for answer in answers)
    empty = sum(not answer.strip() for answer in answers)
    return Habit(
        rows=len(answers),
        answered=(len(answers) - refused - empty) / len(answers),
        refused=refused / len(answers),
        mean_words=sum(len(answer.split()) for answer in answers) / len(answers),
    )


def warn(before: Habit, after: Habit) -> None:
    """Say how the habit changed, as a warning if the model commits less or rambles."""
    said = (
        f"answers before and after: {before.answered:.0%} and {after.answered:.0%} of {after.rows} "
        f"commit, {before.mean_words:.1f} and {after.mean_words:.1f} words"
    )
    worse = before.answered - after.answered > FALL
    longer = after.mean_words > STRETCH * max(before.mean_words, 1)
    if worse or longer:
        log.warning("%s; score the model before you use it", said)
    else:
        log.info("%s", said)
