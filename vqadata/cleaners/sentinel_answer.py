"""Finds answers that stand for a missing one: ``n/a``, ``unknown``, ``nan``, ``-``, ``不知道``.

Code: ``sentinel-answer``. A model trained on them learns to say them. ``none`` and ``无`` are not
among them, because they answer "How many?". Two cases are left alone: an answer that the source
itself declares to be unanswerable (VizWiz, TextVQA), and one of the choices of its question.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from vqadata.ledger import Rejection
from vqadata.steps import Verdict
from vqadata.words.check import TextCheck, plain

if TYPE_CHECKING:
    import polars as pl

SENTINELS = """
n/a|n.a|#n/a|<na>|nan|null|nil|undefined|missing|not available|not applicable|unavailable|
unknown|unk|<unk>|[unk]|unspecified|not specified|none given|no answer|no answer given|unanswerable|
can't tell|cannot tell|can not tell|cannot be determined|not sure|unsure|unclear|don't know|
dont know|i don't know|i dont know|idk|tbd|todo|xxx|-|--|---|—|_|/|?|??|???|...|…|
未知|不知道|不清楚|不确定|无法确定|无法判断|暂无
""".replace("\n", "").split("|")
"""Answers without case, outer spaces and closing punctuation."""


class SentinelAnswer(TextCheck):
    """Answers that stand for a missing answer."""

    reads: ClassVar[tuple[str, ...]] = ("text", "answer", "unanswerable", "choices")

    sentinel: list[str] = Field(
        default_factory=list,
        description="Another answer that stands for a missing one; may be given several times.",
    )

    def found(self, table: pl.DataFrame) -> Iterator[Verdict]:
        """Yield the answers that are on the list."""
        import polars as pl

        answer, words = pl.col("answer"), [*SENTINELS, *(s.lower().strip() for s in self.sentinel)]
        said = plain(answer).is_in(words) | answer.str.to_lowercase().str.strip_chars().is_in(words)
        declared = pl.col("unanswerable").fill_null(value=False)
        chosen = pl.col("choices").list.contains(answer)
        for each in table.filter(said & ~declared & ~chosen).iter_rows(named=True):
            expected = "an answer, or a null answer"
            yield self.verdict(
                each, Rejection("sentinel-answer", "answer", each["answer"], expected)
            )
