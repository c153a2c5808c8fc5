"""Finds yes and no that cannot both be right.

Codes: ``contradictory-yes-no`` (two questions of one picture that ask the same are answered yes and
no; or one denies what the other asks, or asks for its opposite, and both are answered alike),
``divided-annotators`` (of several answers to one question, many say yes and many say no).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from vqadata.ledger import Rejection
from vqadata.steps import Verdict
from vqadata.words.check import TextCheck, plain, quoted
from vqadata.words.question_key import negations, with_content_words, without_negations

if TYPE_CHECKING:
    import polars as pl

OPPOSITES = {
    "off": "on", "closed": "open", "shut": "open", "female": "male", "woman": "man", "girl": "boy",
    "night": "day", "nighttime": "daytime", "outdoor": "indoor", "outside": "inside",
    "abnormal": "normal", "dry": "wet", "asleep": "awake", "different": "same", "odd": "even",
}  # fmt: skip
"""Words of which one picture cannot have both: to say yes to both is a contradiction."""

SUBJECTS = ["woman", "man", "girl", "boy", "male", "female"]
"""Opposites only where they are the last word: a picture may hold a man and a woman."""


class YesNo(TextCheck):
    """Contradictory yes and no."""

    order: ClassVar[int] = 61
    reads: ClassVar[tuple[str, ...]] = (
        "text", "answer", "question_id", "dialog_id", "agreement", "answers"
    )  # fmt: skip

    dissent: float = Field(
        0.4,
        gt=0,
        le=0.5,
        description="Share of a question's answers, from which on those who say yes where others "
        "say no are reported as divided annotators.",
    )

    def found(self, table: pl.DataFrame) -> Iterator[Verdict]:
        """Yield the later of two questions that contradict each other, then divided ones."""
        import polars as pl

        yield from self._contradictory(
            table.with_columns(plain(pl.col("answer")).alias("said")).filter(
                pl.col("said").is_in(["yes", "no"])
            )
        )
        agreement = pl.col("agreement").struct
        torn = agreement.field("contradiction") & (
            agreement.field("majority_share") <= 1 - self.dissent
        )
        for each in table.filter(torn).iter_rows(named=True):
            if (said := _divided(each["answers"], self.dissent)) is not None:
                why = Rejection("divided-annotators", "answers", said, "annotators who agree")
                yield self.verdict(each, why, "info")

    def _contradictory(self, table: pl.DataFrame) -> Iterator[Verdict]:
        import polars as pl

        words = pl.col("words")
        table = with_content_words(table.drop("agreement", "answers")).with_columns(
            denied=negations(words) % 2,
            key=without_negations(words).list.eval(_one_side()).list.join(" "),
            other=words.list.eval(pl.element().is_in(list(OPPOSITES))).list.any(),
        )
        by = ["row", "dialog_id", "key"]
        said = pl.struct("said", "denied", "other")
        torn = table.filter((said.n_unique().over(by) > 1) & (pl.col("key") != ""))
        rows = pl.struct(torn.columns).alias("rows")
        for first, *others in torn.group_by(by, maintain_order=True).agg(rows)["rows"].to_list():
            for other in others:
                if _contradict(first, other):
                    same = {"question_id": first["question_id"], "text": quoted(first["text"])}
                    yield self.verdict(other, _why(first, other), other=same)


def _one_side() -> pl.Expr:
    """The words of a list, one of two opposites standing for both."""
    import polars as pl

    return pl.element().replace(OPPOSITES)


def _contradict(first: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two questions with one key cannot both have their answers."""
    same = first["said"] == other["said"]
    if first["other"] != other["other"]:
        # Neither on nor off may be right where there is no lamp: only twice yes is impossible.
        plain_yes = first["said"] == other["said"] == "yes"
        return plain_yes and first["denied"] == other["denied"] and _excludes(first, other)
    return same if first["denied"] != other["denied"] else not same


def _excludes(first: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the opposites are said of one thing, and are not two things of one picture."""
    differ = [
        n for n, (a, b) in enumerate(zip(first["words"], other["words"], strict=False)) if a != b
    ]
    last = len(first["words"]) - 1
    return all(n == last or first["words"][n] not in SUBJECTS for n in differ) and last > 0


def _why(first: dict[str, Any], other: dict[str, Any]) -> Rejection:
    asked, answer = quoted(first["text"]), first["answer"]
    found = f"{quoted(other['text'])!r}: {other['answer']}"
    evidence = f"question {first['question_id']} of the same picture: {asked!r}: {answer}"
    return Rejection(
        "contradictory-yes-no", "answer", found, "an answer that agrees with the other", evidence
    )


def _divided(answers: list[dict[str, Any]], dissent: float) -> str | None:
    """How many said yes and no, if each is a large enough share."""
    said = [answer["answer"].strip(" .").lower() for answer in answers]
    yes, no = said.count("yes"), said.count("no")
    return f"{yes} yes, {no} no" if min(yes, no) >= dissent * len(said) else None
