"""What a person wants to know of a data set: answers, types, lengths, picture sizes, agreement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

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


COLUMNS = [
    "text", "answer", "unanswerable", "answers", "question_type", "answer_type", "licence", "split"
]  # fmt: skip


def stats(folder: Path | str) -> Stats:
    """Compute the figures of a folder.

    Raises:
        ShardError: The folder cannot be read.
    """
    import polars as pl

    shards = open_shards(folder)
    table = pl.DataFrame(shards.questions(COLUMNS))
    pictures = table.group_by("picture_row", maintain_order=True).agg(
        pl.len().alias("questions"), pl.col("widths").first(), pl.col("heights").first()
    )
    widths, heights = (pictures.get_column(side).explode() for side in ("widths", "heights"))
    return Stats(
        questions=table.height,
        pictures=shards.manifest.pictures,
        splits=shards.manifest.splits,
        answered=table.get_column("answer").count(),
        unanswerable=int(table.get_column("unanswerable").sum()),
        distinct_answers=table.get_column("answer").drop_nulls().n_unique(),
        top_answers=_counts(table.get_column("answer")),
        answer_types=_counts(table.get_column("answer_type")),
        question_types=_counts(table.get_column("question_type")),
        licences=_counts(table.get_column("licence")),
        question_words=_spread(_words(table.get_column("text"))),
        answer_words=_spread(_words(table.get_column("answer"))),
        questions_a_picture=_spread(pictures.get_column("questions")),
        picture_width=_spread(widths),
        picture_height=_spread(heights),
        found_by=_found_by(shards),
        unreadable_pictures=widths.null_count(),
        agreement=_agreement(table),
        priors=priors(table),
    )


def _found_by(shards: Shards) -> dict[str, int]:
    import polars as pl

    facts = (batch.column(0).flatten() for batch in shards.batches(["image_facts"]))
    rules = [pl.Series(each.field("rule")) for each in facts]
    return _counts(pl.concat(rules)) if rules else {}


def _counts(values: pl.Series) -> dict[str, int]:
    counted = values.drop_nulls().value_counts(sort=True)
    names, counts = counted.to_series(0), counted.to_series(1)
    # A stable order among equals: by count, then by name.
    pairs = sorted(zip(names, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return dict(pairs[:TOP])


def _words(texts: pl.Series) -> pl.Series:
    return texts.drop_nulls().str.split(" ").list.len()


def _spread(values: pl.Series) -> Spread | None:
    numbers = values.drop_nulls()
    if numbers.is_empty():
        return None

    def number(value: Any) -> float:
        return float(value)

    return Spread(
        least=number(numbers.min()), median=number(numbers.median()), most=number(numbers.max())
    )


def _agreement(table: pl.DataFrame) -> float | None:
    import polars as pl

    several = table.filter((pl.col("answers").list.len() > 1) & pl.col("answer").is_not_null())
    if several.is_empty():
        return None
    one = several.select(
        pl.int_range(pl.len()).alias("row"), "answer", pl.col("answers").alias("given")
    ).explode("given")
    same = one.select(
        "row", (pl.col("given").struct.field("answer") == pl.col("answer")).alias("same")
    )
    mean = same.group_by("row").agg(pl.col("same").mean()).get_column("same").mean()
    return float(mean) if isinstance(mean, float) else None
