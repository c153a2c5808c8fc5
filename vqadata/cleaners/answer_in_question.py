"""Finds questions that give their own answer away: "What colour is the red car?" - "red".

Code: ``answer-in-question``. Such a row teaches to copy, not to look. Questions that offer
alternatives hold their answer by right and are left alone: those with "or" (or its Chinese words),
and those whose text lists two of their choices. So are answers of yes, no and numbers, and Chinese
questions that are affirmed by repeating their verb.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from vqadata.ledger import Rejection
from vqadata.steps import Verdict
from vqadata.words.check import TextCheck, plain, quoted

if TYPE_CHECKING:
    import polars as pl

ALTERNATIVES = re.compile(
    r"\b(?:or|vs|versus|either|which of)\b|/|\b[A-D][.):]\s|还是|或|[和与].*哪|吗|是否",
    re.IGNORECASE,
)
HAN = re.compile("[\u3400-\u9fff]")


class AnswerInQuestion(TextCheck):
    """Questions that contain their answer."""

    reads: ClassVar[tuple[str, ...]] = ("text", "answer", "choices")

    min_characters: int = Field(
        3, ge=1, description="Shortest answer to look for; a Chinese character counts as two."
    )

    def found(self, table: pl.DataFrame) -> Iterator[Verdict]:
        """Yield the questions in which the answer stands as whole words."""
        import polars as pl

        asked, answer = plain(pl.col("text")), plain(pl.col("answer"))
        worth = answer.str.contains(r"\p{L}") & ~answer.is_in(["yes", "no"])
        near = table.filter(worth & asked.str.contains(answer, literal=True))
        for each in near.iter_rows(named=True):
            if self._gives_away(each):
                why = Rejection(
                    "answer-in-question", "answer", each["answer"],
                    "an answer that the question does not name", quoted(each["text"]),
                )  # fmt: skip
                yield self.verdict(each, why)

    def _gives_away(self, question: dict[str, Any]) -> bool:
        text, answer = question["text"], question["answer"].strip(" ?!.。")
        if len(answer) + len(HAN.findall(answer)) < self.min_characters or ALTERNATIVES.search(
            text
        ):
            return False
        offered = sum(choice.lower() in text.lower() for choice in question["choices"] if choice)
        return offered < 2 and _holds(text, answer)


def _holds(text: str, answer: str) -> bool:
    """Whether the answer stands in the text as whole words.

    >>> _holds("Is the carpet red?", "car"), _holds("Is the car red?", "car")
    (False, True)
    """
    if HAN.search(answer):
        return answer in text
    return re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", text, re.IGNORECASE) is not None
