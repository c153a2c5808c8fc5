"""Finds text that was read in the wrong encoding, and says what it probably was.

Codes: ``mojibake`` (ftfy finds the encodings that turn ``cafÃ©`` back into ``café``),
``replacement-character`` (U+FFFD, or the Chinese words that stand for it:
what was there is lost).
A row is never changed; the proposal is in the finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vqadata.ledger import Rejection
from vqadata.steps import Verdict
from vqadata.words.check import TextCheck, quoted

if TYPE_CHECKING:
    import polars as pl

LOST = "\ufffd|锟斤拷|烫烫烫|屯屯屯"
"""U+FFFD; the same read as GBK; uninitialised memory read as GBK."""

SUSPECT = "[\u0080-\u024f\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
"""What UTF-8 turns into when it is read as a Western code page; only such text is looked at."""


class Mojibake(TextCheck):
    """Text in the wrong encoding."""

    def found(self, table: pl.DataFrame) -> Iterator[Verdict]:
        """Yield texts that hold what stands for lost characters, or that ftfy can mend."""
        import polars as pl

        for field in self.reads:
            for each in table.filter(pl.col(field).str.contains(LOST)).iter_rows(named=True):
                text = quoted(each[field])
                yield self.verdict(each, Rejection("replacement-character", field, text, "text"))
            for each in table.filter(pl.col(field).str.contains(SUSPECT)).iter_rows(named=True):
                mended = _mended(each[field])
                if mended != each[field]:
                    found, wanted = quoted(each[field]), f"perhaps {quoted(mended)}"
                    why = Rejection("mojibake", field, found, wanted)
                    yield self.verdict(each, why, mended=quoted(mended))


def _mended(text: str) -> str:
    """The text in its own encoding, if it was in a wrong one.

    >>> _mended("cafÃ©"), _mended("café")
    ('café', 'café')
    """
    from ftfy import fix_encoding

    return fix_encoding(text)
