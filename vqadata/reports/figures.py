"""What a person wants to know of a data set: answers, types, lengths, picture sizes, agreement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from vqadata.reports.counted import COUNT, added_up, counted
from vqadata.shards.reader import Shards, open_shards
from vqadata.words.priors import Priors, priors

if TYPE_CHECKING:
    import polars as pl

TOP = 10
"""Answers and types that are listed; the rest is counted."""


class Spread(BaseModel):
    """Smallest, median and largest of some numbers."""

    model_config = ConfigDict(frozen=True)

    least: float
    median: float
    most: float


class Stats(BaseModel):
    """Figures of one folder of shards."""

    model_config = ConfigDict(frozen=True)

    questions: int
    pictures: int
    splits: dict[str, int]
    answered: int = Field(description="Questions that have an answer to train on.")
    unanswerable: int = Field(description="Questions whose answer says that there is none.")
    distinct_answers: int
    top_answers: dict[str, int] = Field(description="The most frequent answers.")
    answer_types: dict[str, int]
    question_types: dict[str, int]
    licences: dict[str, int]
    question_words: Spread | None
    answer_words: Spread | None
    questions_a_picture: Spread | None
    picture_width: Spread | None
    picture_height: Spread | None
    found_by: dict[str, int] = Field(
        description="Pictures by the rule under which their file was found (images.resolve.Rule)."
    )
    unreadable_pictures: int = Field(description="Pictures without a readable header, or missing.")
    agreement: float | None = Field(
        description="Mean share of a question's answers that equal the training answer, over "
        "questions with several answers."
    )
    priors: Priors | None = Field(
        description="What the questions alone tell of the answers; null without answers."
    )


FIELDS = ("text", "answer", "unanswerable", "question_type", "answer_type", "licence")
"""What is counted of questions."""


def stats(folder: Path | str) -> Stats:
    """Compute the figures of a folder.

    Raises:
        ShardError: The folder cannot be read.
    """
    import polars as pl

    shards = open_shards(folder)
    asked, rows = counted(shards, FIELDS), _Rows()
    for part in shards.question_parts(["answer", "answers"]):
        rows.add(pl.DataFrame(part))
    questions, widths, heights = rows.columns()
    answered = asked.filter(pl.col("answer").is_not_null())
    return Stats(
        questions=int(asked.get_column(COUNT).sum()),
        pictures=shards.manifest.pictures,
        splits=shards.manifest.splits,
        answered=int(answered.get_column(COUNT).sum()),
        unanswerable=int(asked.filter("unanswerable").get_column(COUNT).sum()),
        distinct_answers=answered.get_column("answer").n_unique(),
        top_answers=_counts(asked, "answer"),
        answer_types=_counts(asked, "answer_type"),
        question_types=_counts(asked, "question_type"),
        licences=_counts(asked, "licence"),
        question_words=_spread(_words(asked, "text")),
        answer_words=_spread(_words(asked, "answer")),
        questions_a_picture=_spread(questions),
        picture_width=_spread(widths),
        picture_height=_spread(heights),
        found_by=_found_by(shards),
        unreadable_pictures=widths.null_count(),
        agreement=rows.agreement,
        priors=priors(asked),
    )


class _Rows:
    """What picture rows have of their own: sizes and numbers of questions, and agreement."""

    def __init__(self) -> None:
        self._parts: list[pl.DataFrame] = []
        self._same, self._several = 0.0, 0

    def add(self, part: pl.DataFrame) -> None:
        """Take some questions; those of a picture row come together."""
        import polars as pl

        first = [pl.col(side).first() for side in ("widths", "heights")]
        asked = pl.len().alias("questions")
        rows = part.group_by("picture_row", maintain_order=True).agg(asked, *first)
        self._parts.append(rows.drop("picture_row"))
        same = _agreement(part)
        self._same, self._several = self._same + float(same.sum()), self._several + len(same)

    def columns(self) -> tuple[pl.Series, pl.Series, pl.Series]:
        """Questions of each picture row; widths and heights of each picture."""
        import polars as pl

        rows = pl.concat(self._parts)
        widths, heights = (rows.get_column(side).explode() for side in ("widths", "heights"))
        return rows.get_column("questions"), widths, heights

    @property
    def agreement(self) -> float | None:
        """See :class:`Stats`."""
        return self._same / self._several if self._several else None


def _found_by(shards: Shards) -> dict[str, int]:
    import polars as pl

    facts = (batch.column(0).flatten() for batch in shards.batches(["image_facts"]))
    rules = [added_up(pl.DataFrame({"rule": pl.Series(each.field("rule"))}), ["rule"])
             for each in facts]  # fmt: skip
    return _counts(pl.concat(rules), "rule") if rules else {}


def _counts(table: pl.DataFrame, field: str) -> dict[str, int]:
    values = added_up(table.select(field, COUNT).drop_nulls(), [field])
    names, counts = values.to_series(0), values.to_series(1)
    # A stable order among equals: by count, then by name.
    pairs = sorted(zip(names, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return dict(pairs[:TOP])


def _words(table: pl.DataFrame, field: str) -> pl.Series:
    """Words of each question, or of each answer."""
    import numpy as np
    import polars as pl

    found = table.select(field, COUNT).drop_nulls()
    words = found.get_column(field).str.split(" ").list.len().to_numpy()
    return pl.Series(np.repeat(words, found.get_column(COUNT).to_numpy()))


def _spread(values: pl.Series) -> Spread | None:
    numbers = values.drop_nulls()
    if numbers.is_empty():
        return None

    def number(value: Any) -> float:
        return float(value)

    return Spread(
        least=number(numbers.min()), median=number(numbers.median()), most=number(numbers.max())
    )


def _agreement(table: pl.DataFrame) -> pl.Series:
    """The share of a question's answers that equal the one to train on, where there are several."""
    import polars as pl

    several = table.filter((pl.col("answers").list.len() > 1) & pl.col("answer").is_not_null())
    one = several.select(
        pl.int_range(pl.len()).alias("row"), "answer", pl.col("answers").alias("given")
    ).explode("given")
    same = one.select(
        "row", (pl.col("given").struct.field("answer") == pl.col("answer")).alias("same")
    )
    means = same.group_by("row", maintain_order=True).agg(pl.col("same").mean())
    return means.get_column("same").drop_nulls()
