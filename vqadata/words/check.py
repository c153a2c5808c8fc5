"""Cleaners that look at words alone: the questions of a batch as one flat table, and their face.

No pixel is touched, and nothing is remembered from one batch to the next: a picture row holds all
questions of its picture.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from vqadata.ledger import Rejection
from vqadata.steps import Cleaner, Severity, Verdict

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

SHOWN = 200
"""Characters of a text that a finding quotes."""


class TextCheck(Cleaner):
    """A cleaner that judges questions and answers by their words."""

    order: ClassVar[int] = 60
    reads: ClassVar[tuple[str, ...]] = ("text", "answer")
    """Fields of the record that the check looks at."""

    action: Literal["flag", "drop"] = Field(
        "flag", description="What to do with such rows: keep them with a remark, or drop them."
    )

    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        """Yield a verdict for every question that the check finds fault with."""
        if batch.num_rows:
            yield from self.found(question_table(batch, self.reads))

    @abstractmethod
    def found(self, table: pl.DataFrame) -> Iterator[Verdict]:
        """Yield the verdicts on the questions of one batch.

        Args:
            table: One row a question: ``row`` and ``number`` as a verdict names them, then the
                fields that :attr:`reads` names.
        """

    def verdict(
        self,
        question: dict[str, Any],
        why: Rejection,
        severity: Severity = "warning",
        **details: Any,
    ) -> Verdict:
        """The verdict on one row of the table, with the action that was chosen."""
        shown = details | {"field": why.path}
        row, number = question["row"], question["number"]
        return Verdict(row, number, self.action, why, severity, shown)


def question_table(batch: pa.RecordBatch, fields: tuple[str, ...]) -> pl.DataFrame:
    """The questions of some picture rows, one row each: ``row``, ``number``, and the fields."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    questions = batch.column("questions")
    flat, offsets = questions.flatten(), questions.offsets.to_numpy().astype(np.int64)
    starts, counts = offsets[:-1] - offsets[0], np.diff(offsets)
    rows = np.repeat(np.arange(len(batch)), counts)
    numbers = np.arange(len(flat)) - starts[rows]
    columns = {"row": rows, "number": numbers, **{name: flat.field(name) for name in fields}}
    return pl.DataFrame(pa.table(columns))


def quoted(text: str) -> str:
    """A text as a finding shows it: no longer than :data:`SHOWN`, which an ellipsis says.

    >>> quoted("a" * 300)[-3:]
    'aa…'
    """
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def plain(text: pl.Expr) -> pl.Expr:
    """A text without case, repeated spaces and closing punctuation, as a column expression."""
    return text.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars(" ?!.。？！")  # noqa: RUF001
