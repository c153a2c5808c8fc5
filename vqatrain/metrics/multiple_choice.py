"""Multiple choice: the prediction names the right option, by its text or by its letter.

"B", "(b)", "B. a cat", "Answer: B" and "a cat" all name the second of the options "a dog", "a cat".
An option's own text wins over a letter, so that an option "A" is never taken for the first one.
"""

from __future__ import annotations

import re
from typing import ClassVar

from vqatrain.scoring.metric import Metric, RecordView

LETTER = re.compile(
    r"^(?:(?:the )?(?:correct )?(?:answer|option|choice)(?: is)?\s*:?\s*)?"
    r"\(?(?P<letter>[a-z])\)?(?:[.):,]\s*.*|\s*)$",
    re.IGNORECASE | re.DOTALL,
)


class MultipleChoice(Metric):
    """1 if the prediction names the right option, else 0."""

    title: ClassVar[str] = "multiple choice"

    def score(self, prediction: str, record: RecordView) -> float | None:
        """Compare with the right option; ``None`` where the record names none."""
        right = record["correct_choice"]
        if right is None:
            return None
        return float(chosen(prediction, record["choices"]) == right)


def chosen(prediction: str, choices: list[str]) -> int | None:
    """Number of the option that a prediction names, from 0.

    >>> options = ["a dog", "a cat"]
    >>> chosen("B. a cat", options), chosen("A dog.", options), chosen("bird", options)
    (1, 0, None)
    """
    texts = [_plain(choice) for choice in choices]
    if _plain(prediction) in texts:
        return texts.index(_plain(prediction))
    match = LETTER.match(prediction.strip())
    number = ord(match["letter"].lower()) - ord("a") if match else len(choices)
    return number if number < len(choices) else None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")
