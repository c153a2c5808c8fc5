"""What a model scores that never looks: answers guessed from the question alone.

The blind guess for a question is the most frequent answer of the *other* questions that begin with
the same three words; where there are none, with the same two, one, none. The question itself is
left out, so that rare beginnings do not answer themselves. After the prior of VQA v1 (Antol et al.
2015) and "Making the V in VQA Matter" (Goyal et al. 2017).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from vqadata.words.check import plain

if TYPE_CHECKING:
    import polars as pl

PREFIX_WORDS = 3
"""Words by which questions are told apart."""

TOP = 10
"""Beginnings and templates that are listed; the rest is counted."""


class Prefix(BaseModel):
    """Questions that begin with the same words."""

    model_config = ConfigDict(frozen=True)

    prefix: str
    questions: int
    answer: str = Field(description="Their most frequent answer.")
    share: float = Field(description="Share of the questions that have this answer.")


class Template(BaseModel):
    """One question that is asked of many pictures; numbers count as equal."""

    model_config = ConfigDict(frozen=True)

    text: str
    questions: int


class Priors(BaseModel):
    """What the questions alone tell of the answers."""

    model_config = ConfigDict(frozen=True)

    questions: int = Field(description="Questions with an answer.")
    majority: float = Field(description="Accuracy of always giving the most frequent answer.")
    blind: float = Field(
        description=f"Accuracy of the most frequent answer by the first words, up to "
        f"{PREFIX_WORDS}."
    )
    yes: float | None = Field(description="Share of yes among yes and no; null without them.")
    entropy: float = Field(description="Entropy of the answers in bits.")
    templates: float = Field(
        description="Share of the questions whose text is asked more than once; numbers count as "
        "equal."
    )
    top_prefixes: list[Prefix]
    top_templates: list[Template]


def priors(questions: pl.DataFrame) -> Priors | None:
    """The priors of some questions.

    Args:
        questions: Columns ``text`` and ``answer``; and ``count``, where a row is several questions.

    Returns:
        The figures; ``None`` if no question has an answer.
    """
    import polars as pl

    text = plain(pl.col("text"))
    if "count" not in questions.columns:
        questions = questions.with_columns(count=pl.lit(1, pl.Int64))
    table = questions.drop_nulls(["text", "answer"]).select(
        plain(pl.col("answer")).alias("answer"),
        text.str.split(" ").list.head(PREFIX_WORDS).alias("words"),
        text.str.replace_all(r"\d+", "#").alias("template"),
        "count",
    )
    if table.is_empty():
        return None
    table = table.with_columns(_prefix(PREFIX_WORDS).alias("prefix"))
    total = int(table.get_column("count").sum())
    share = _counted(table, ["answer"]).get_column("count") / total
    asked = _counted(table, ["template"])
    return Priors(
        questions=total,
        majority=float(share.max()),  # type: ignore[arg-type]
        blind=_blind(table),
        yes=_yes(table),
        entropy=float(share.entropy(base=2) or 0) + 0.0,
        templates=asked.filter(pl.col("count") > 1).get_column("count").sum() / total,
        top_prefixes=_top_prefixes(table),
        top_templates=[
            Template(text=row["template"], questions=row["count"])
            for row in asked.head(TOP).iter_rows(named=True)
            if row["count"] > 1
        ],
    )


def _counted(table: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Rows by some columns, the most frequent first, equals in the order of their names."""
    import polars as pl

    counted = table.group_by(by).agg(pl.col("count").sum())
    return counted.sort("count", *by, descending=[True, *[False] * len(by)])


def _prefix(words: int) -> pl.Expr:
    import polars as pl

    return pl.col("words").list.head(words).list.join(" ")


def _blind(table: pl.DataFrame) -> float:
    """Accuracy of the blind guess.

    Leaving a question out takes one from the count of its answer. A guess among equally frequent
    answers is right in one of so many cases.
    """
    import polars as pl

    right, open_rows = 0.0, table.select("words", "answer", "count")
    for words in range(PREFIX_WORDS, -1, -1):
        chances = _chances(table.with_columns(_prefix(words).alias("prefix")))
        known = open_rows.with_columns(_prefix(words).alias("prefix")).join(
            chances, on=["prefix", "answer"], how="left", maintain_order="left"
        )
        enough = (pl.col("others") > 0) | (words == 0)
        chance = pl.col("chance") * pl.col("count")
        right += float(known.filter(enough).select(chance).to_series().sum())
        open_rows = known.filter(~enough).select("words", "answer", "count")
    return right / float(table.get_column("count").sum())


def _chances(table: pl.DataFrame) -> pl.DataFrame:
    """How likely the guess for a question of some prefix and answer is right.

    Returns:
        Columns ``prefix``, ``answer``, ``chance`` and ``others``, the questions to guess from.
    """
    import polars as pl

    count = pl.col("count")
    counts = table.group_by("prefix", "answer").agg(count.sum())
    by = counts.group_by("prefix").agg(
        count.max().alias("best"),
        (count == count.max()).sum().alias("leaders"),
        (count == count.max() - 1).sum().alias("equal"),
        (count.sum() - 1).alias("others"),
    )
    # Only the one leading answer of a prefix can still lead without one of its questions.
    leads = (count == pl.col("best")) & (pl.col("leaders") == 1) & (count > 1)
    chance = pl.when(leads).then(1 / (1 + pl.col("equal"))).otherwise(0.0)
    return counts.join(by, on="prefix").select("prefix", "answer", "others", chance.alias("chance"))


def _yes(table: pl.DataFrame) -> float | None:
    import polars as pl

    yes, no = (
        int(table.filter(pl.col("answer") == each).get_column("count").sum())
        for each in ("yes", "no")
    )
    return yes / (yes + no) if yes + no else None


def _top_prefixes(table: pl.DataFrame) -> list[Prefix]:
    import polars as pl

    answers = _counted(table, ["prefix", "answer"])
    rows = answers.group_by("prefix", maintain_order=True).agg(
        pl.col("count").sum().alias("questions"),
        pl.col("answer").first(),
        (pl.col("count").first() / pl.col("count").sum()).alias("share"),
    )
    top = rows.sort("questions", "prefix", descending=[True, False]).head(TOP)
    return [Prefix(**row) for row in top.iter_rows(named=True)]
