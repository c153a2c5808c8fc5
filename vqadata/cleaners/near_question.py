"""Finds questions of one picture that ask the same in other words.

Codes: ``near-duplicate-question`` (the answers are equal too), ``near-conflict`` (they are not).
Two questions ask the same if their words of content are the same in the same order
(:mod:`vqadata.words.question_key`), or, where the answers are equal, if one long word differs by
one letter: a slip of the pen. Equal texts are the business of the cleaner ``duplicate``, and yes
against no that of ``yes-no``. Questions of another picture are never compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from pydantic import Field

from vqadata.ledger import Rejection
from vqadata.steps import Verdict
from vqadata.words.check import TextCheck, plain, quoted
from vqadata.words.question_key import with_content_words

if TYPE_CHECKING:
    import polars as pl

YES_NO = {"yes", "no"}
GROUP = ("row", "dialog_id")
"""Questions are compared inside one picture row and one conversation."""

Question: TypeAlias = "dict[str, Any]"


class NearQuestion(TextCheck):
    """Near-duplicate questions of one picture."""

    order: ClassVar[int] = 61
    reads: ClassVar[tuple[str, ...]] = ("text", "answer", "question_id", "dialog_id")

    typo_letters: int = Field(
        6,
        ge=0,
        description="Shortest word in which one wrong letter counts as a slip of the pen; 0 for "
        "none. Such questions are found only if their answers are equal.",
    )

    def found(self, table: pl.DataFrame) -> Iterator[Verdict]:
        """Yield the later question of each pair, with the id of the first."""
        import polars as pl

        words = pl.col("words")
        table = with_content_words(table).filter(words.list.len() > 0)
        table = table.with_columns(
            said=plain(pl.col("answer")), key=words.list.join(" "), count=words.list.len()
        )
        seen: set[tuple[int, int]] = set()
        for first, other in self._pairs(table):
            place = other["row"], other["number"]
            if place not in seen and (code := _code(first, other)):
                seen.add(place)
                same = {"question_id": first["question_id"], "text": quoted(first["text"])}
                yield self.verdict(other, _why(code, first, other), other=same)

    def _pairs(self, table: pl.DataFrame) -> Iterator[tuple[Question, Question]]:
        """Pairs of one picture with the same words; then those with one word misspelt."""
        for group in _groups(table, [*GROUP, "key"]):
            yield from ((group[0], other) for other in group[1:])
        if self.typo_letters:
            for group in _groups(table, [*GROUP, "count", "said"]):
                for first, other in combinations(group, 2):
                    near = abs(len(first["key"]) - len(other["key"])) < 2
                    if near and _misspelt(first["words"], other["words"], self.typo_letters):
                        yield first, other


def _groups(table: pl.DataFrame, by: list[str]) -> Iterator[list[Question]]:
    """Rows that agree in some columns, if there are several texts among them."""
    import polars as pl

    several = table.filter(pl.col("asked").n_unique().over(by) > 1)
    rows = pl.struct(several.columns).alias("rows")
    yield from several.group_by(by, maintain_order=True).agg(rows)["rows"].to_list()


def _code(first: Question, other: Question) -> str | None:
    """What is wrong with two questions that ask the same; ``None`` if it is not our business."""
    if first["asked"] == other["asked"] or {first["said"], other["said"]} == YES_NO:
        return None
    return "near-duplicate-question" if first["said"] == other["said"] else "near-conflict"


def _why(code: str, first: Question, other: Question) -> Rejection:
    ours, theirs = quoted(other["text"]), quoted(first["text"])
    evidence = (
        f"question {first['question_id']} of the same picture has the answer {first['answer']!r}, "
        f"this one {other['answer']!r}"
    )
    return Rejection(code, "text", ours, f"another question than {theirs!r}", evidence)


def _misspelt(one: list[str], other: list[str], least: int) -> bool:
    """Whether two lists of words are equal but for one letter of one long word.

    >>> _misspelt(["red", "umbrella"], ["red", "umbrela"], 6), _misspelt(["cat"], ["hat"], 6)
    (True, False)
    """
    unequal = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    if len(unequal) != 1:
        return False
    a, b = unequal[0]
    return min(len(a), len(b)) >= least and a[0] == b[0] and a.isalpha() and _one_edit(a, b)


def _one_edit(a: str, b: str) -> bool:
    """Whether one letter was left out, put in, replaced, or swapped with its neighbour."""
    short, long = sorted((a, b), key=len)
    start = next(
        (i for i, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short)
    )
    x, y = short[start:], long[start:]
    if len(short) < len(long):
        return x == y[1:]
    return x[1:] == y[1:] or (x[:2] == y[1::-1] and x[2:] == y[2:])
