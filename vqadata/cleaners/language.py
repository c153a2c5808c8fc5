"""Finds text in a script that does not belong: told by the characters, without a language model.

Codes: ``mixed-script-word`` (one word of Latin and look-alike Cyrillic or Greek letters, as in
pasted or disguised text: a tokenizer sees another word), ``other-script`` (a question of which most
letters are of a script that is not among the ones named with ``--language-script``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vqadata.ledger import Rejection
from vqadata.steps import Verdict
from vqadata.words.check import TextCheck, quoted

if TYPE_CHECKING:
    import polars as pl

Script = Literal[
    "latin", "han", "kana", "hangul", "cyrillic", "greek", "arabic", "hebrew", "thai", "devanagari"
]

CLASSES: dict[Script, str] = {
    "latin": r"\p{Latin}", "han": r"\p{Han}", "kana": r"[\p{Hiragana}\p{Katakana}]",
    "hangul": r"\p{Hangul}", "cyrillic": r"\p{Cyrillic}", "greek": r"\p{Greek}",
    "arabic": r"\p{Arabic}", "hebrew": r"\p{Hebrew}", "thai": r"\p{Thai}",
    "devanagari": r"\p{Devanagari}",
}  # fmt: skip

ALIKE = "\u0391-\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03c1\u03bd"
"""Greek letters that look like Latin ones; alpha, beta and mu do not count: science mixes them."""

MIXED = rf"(\p{{Latin}}+[\p{{Cyrillic}}{ALIKE}]|[\p{{Cyrillic}}{ALIKE}]\p{{Latin}})[\p{{L}}]*"


class Language(TextCheck):
    """Scripts that do not belong."""

    script: list[Script] = Field(
        default_factory=list,
        description="A script that questions may be in; may be given several times. Without it "
        "every script is welcome.",
    )

    def found(self, table: pl.DataFrame) -> Iterator[Verdict]:
        """Yield words of two scripts, and questions in a script that was not named."""
        import polars as pl

        for field in self.reads:
            for each in table.filter(pl.col(field).str.contains(MIXED)).iter_rows(named=True):
                why = Rejection(
                    "mixed-script-word", field, quoted(each[field]), "one script a word"
                )
                yield self.verdict(each, why)
        if self.script:
            strange = table.with_columns(main_script(pl.col("text")).alias("main"))
            wanted = f"a question in {' or '.join(self.script)}"
            for each in strange.filter(~pl.col("main").is_in(self.script)).iter_rows(named=True):
                found = f"{each['main']}: {quoted(each['text'])}"
                yield self.verdict(each, Rejection("other-script", "text", found, wanted))


def main_script(text: pl.Expr) -> pl.Expr:
    """The script of most letters; of several the first in the list; null without letters."""
    import polars as pl

    counts = [text.str.count_matches(letters) for letters in CLASSES.values()]
    most = pl.max_horizontal(counts)
    return pl.coalesce(
        pl.when((count == most) & (most > 0)).then(pl.lit(name))
        for name, count in zip(CLASSES, counts, strict=True)
    )
