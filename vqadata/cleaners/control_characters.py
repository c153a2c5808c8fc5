"""Finds characters that a reader does not see and a tokenizer does.

Codes: ``bidi-control`` (embeddings, overrides and isolates, which make text read otherwise than it
is stored), ``control-character`` (C0 and C1, but not tab and line breaks), ``invisible-character``
(zero-width space, soft hyphen, byte order mark, tags, private use, non-characters). Joiners and
the marks U+200E and U+200F are left alone: several scripts need them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vqadata.ledger import Rejection
from vqadata.steps import Verdict
from vqadata.words.check import TextCheck

if TYPE_CHECKING:
    import polars as pl

KINDS = {
    "bidi-control": "\u202a-\u202e\u2066-\u2069",
    "control-character": "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f",
    "invisible-character": "\xad\u115f\u1160\u180e\u200b\u2060-\u2064\u3164\ufeff\uffa0"
    "\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f\U000f0000-\U0010ffff",
}
"""Ranges of characters by code."""

ANY = f"[{''.join(KINDS.values())}]"
SHOWN = 5
"""Characters that one finding names; the others are counted."""


class ControlCharacters(TextCheck):
    """Control, bidirectional and invisible characters in questions and answers."""

    def found(self, table: pl.DataFrame) -> Iterator[Verdict]:
        """Yield one verdict for each kind of character in a field of a question."""
        import polars as pl

        for field in self.reads:
            for each in table.filter(pl.col(field).str.contains(ANY)).iter_rows(named=True):
                for code, ranges in KINDS.items():
                    if hits := list(re.finditer(f"[{ranges}]", each[field])):
                        why = Rejection(code, field, _named(hits), "visible characters")
                        yield self.verdict(each, why)


def _named(hits: list[re.Match[str]]) -> str:
    """The characters with their names and places."""
    said = [f"{_name(hit[0])} at character {hit.start()}" for hit in hits[:SHOWN]]
    more = [f"{len(hits) - SHOWN} more"] if len(hits) > SHOWN else []
    return ", ".join(said + more)


def _name(character: str) -> str:
    """A character by number and name.

    >>> _name(chr(0x202E))
    'U+202E RIGHT-TO-LEFT OVERRIDE'
    """
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
