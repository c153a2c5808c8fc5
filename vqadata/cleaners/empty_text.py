"""Finds questions that ask nothing and answers that say nothing.

Codes: ``empty-question`` (no letter and no digit in any script), ``empty-answer`` (spaces or
nothing). A question without an answer, as in a test split, is not an empty answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vqadata.ledger import Rejection
from vqadata.steps import Verdict
from vqadata.words.check import TextCheck

if TYPE_CHECKING:
    import polars as pl

EXPECTED = {"text": "a question with a letter or a digit", "answer": "an answer, or none at all"}
CODES = {"text": "empty-question", "answer": "empty-answer"}


class EmptyText(TextCheck):
    """Questions and answers without content."""

    def found(self, table: pl.DataFrame) -> Iterator[Verdict]:
        """Yield questions without a letter or digit, and answers of spaces."""
        import polars as pl

        asked = pl.col("text").str.contains(r"[\p{L}\p{N}]")
        said = pl.col("answer").str.contains(r"[^\s\p{Cc}\p{Cf}]")
        for field, full in (("text", asked), ("answer", said)):
            for each in table.filter(~full).iter_rows(named=True):
                why = Rejection(CODES[field], field, repr(each[field]), EXPECTED[field])
                yield self.verdict(each, why)
