"""Text that is content and not a mark: what is asked about, pages of text, signs of the clinic."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from vqadata.watermarks.key import has_han, plain

PAGE = 12
"""Different readable texts from which on a picture is a page of text."""

PAPER = 4
"""The same for pictures that are mostly one bright level: charts, forms, screenshots."""

CLINICAL = re.compile(
    r"""^[\W_]*(?:
    (?:r|l|rt|lt|right|left|右|左|右侧|左侧)
        (?:[\s_./-]*(?:ap|pa|lat|lateral|oblique|mlo|cc|hand|foot|knee|breast|erect|side))?
    |(?:w|ww|wl|l|c|wc|window|level|width|center)\s*[:=]?\s*-?\d+(?:\.\d+)?
        (?:[\s,/:;]*(?:w|ww|wl|l|c|wc|level|center)\s*[:=]?\s*-?\d+(?:\.\d+)?)?
    |\d+(?:\.\d+)?\s*(?:mm|cm|hu)|[ahfpis]{1,3}
    )[\W_]*$""",
    re.I | re.X,
)
"""Side markers, window values, scales and directions: clinical content, never a mark."""

INITIALLED = re.compile(r"[LR][\W_]*[A-Z]{2,3}$")
"""A side marker with initials, as LKAK."""

SCORE = re.compile(r"^\W*[^\W\d_]\D*\d{1,3}\s*[-:\u2013]\s*\d{1,3}\D*[^\W\d_]\W*$")
"""What two sides have scored, as broadcasts show it."""

SPOKEN = re.compile(
    r"^\s*[-\u2013\u2014\u266a]?\s*\S+(?:\s+\S+){2,}[.?!\u2026]['\"\u201d\u266a]?\s*$"
)
"""Three words or more that end as a sentence does."""

SIDES = frozenset({"r", "l", "rt", "lt", "left", "right"})
FEW_WORDS = 3
"""A text of so many words is about a side if it begins or ends with one."""

_APART = re.compile(r"[\W_]+")
_DOTTED = re.compile(r"\w\.\w\w")

READS = re.compile(
    r"\b(?:say|says|said|written|write|writing|read|reads|spell|spelled|spelt|text|texts|word|words|"
    r"letter|letters|printed|caption|watermark|logo|logos|brand|title|website|url|web\s?site|"
    r"phone\s+number|license\s+plate|licence\s+plate|plate\s+number|inscription|inscribed|"
    r"labell?ed|sign|initials|author|publisher|copyright|photographer|credit|source|"
    r"what\s+(?:number|name|time|date|year|company|team|state|country|city|street|page|price))\b"
    r"|写|文字|什么字|字样|读作|标志|水印|品牌|网址|来源|作者|名称|号码",
    re.I,
)
"""Questions that ask to read."""

_NO_TEXT = frozenset({"", "yes", "no", "true", "false", "none", "unanswerable", "是", "否", "不是"})
"""Answers that quote no text."""


class Asked(NamedTuple):
    """What the questions about a picture say of its text."""

    words: tuple[str, ...] = ()
    """Questions and answers, each in its plain form."""
    answers: tuple[str, ...] = ()
    """Answers that may quote the picture, in plain form."""
    reads: bool = False
    """Whether one of them asks to read."""

    def and_also(self, question: str, answers: Iterable[str]) -> Asked:
        """With one more question."""
        told = tuple(p for answer in dict.fromkeys(answers) if (p := plain(answer)) not in _NO_TEXT)
        reads = self.reads or READS.search(question) is not None
        return Asked((*self.words, plain(question), *told), (*self.answers, *told), reads)

    def about(self, text: str) -> bool:
        """Whether a text is asked about: a question or an answer holds it, or an answer is in it.

        Misread letters are allowed for in texts of six letters or more.
        """
        from rapidfuzz.fuzz import partial_ratio

        words = plain(text)
        if len(words) < (2 if has_han(words) else 3):
            return any(words == answer for answer in self.answers)
        if any(words in said for said in self.words):
            return True
        if any(_quotes(words, answer) for answer in self.answers):
            return True
        return len(words) >= 6 and any(
            len(said) >= len(words) and partial_ratio(words, said) >= 85 for said in self.words
        )


def _quotes(words: str, answer: str) -> bool:
    """Whether an answer of some length stands in a text; letters may be misread in long ones."""
    from rapidfuzz.fuzz import partial_ratio

    if answer in words:
        return len(answer) >= (2 if has_han(answer) or answer.isdigit() else 3)
    return 6 <= len(answer) <= len(words) and partial_ratio(answer, words) >= 85


def is_page(texts: Iterable[str], paper: bool = False) -> bool:
    """Whether so many different texts are a page; on paper a few are enough."""
    return len(set(texts) - {""}) >= (PAPER if paper else PAGE)


def is_score(text: str) -> bool:
    """Whether a text is a score, which is shown at one place and is content.

    >>> [is_score(text) for text in ("BAY 6 - 2 MIL", "Rome 1:0 Oslo", "Se: 3 Im: 12", "12:30")]
    [True, True, False, False]
    """
    return SCORE.match(text) is not None


def is_spoken(text: str) -> bool:
    """Whether a text is a sentence, as subtitles are.

    >>> [is_spoken(text) for text in ("Where are you going?", "- Who is it? - Me.")]
    [True, True]
    >>> [is_spoken(text) for text in ("Photo by Jane Doe", "Stop!", "Doe Inc.")]
    [False, False, False]
    """
    return SPOKEN.match(text) is not None


def is_clinical(text: str) -> bool:
    """Whether a text is a side marker, a window value, a scale or a direction.

    A side marker often has the initials of a technician beside it, or a word.

    >>> [is_clinical(text) for text in ("R", "LT", "W: 450 L: 50", "5 cm", "LKAK", "PORTABLE L")]
    [True, True, True, True, True, True]
    >>> [is_clinical(text) for text in ("MedPix", "PORTABLE", "John L Smith", "pics.com/l")]
    [False, False, False, False]
    """
    if CLINICAL.match(text.strip()) or INITIALLED.match(text.strip()):
        return True
    if _DOTTED.search(text):
        return False  # the last letter of an address is no side
    words = [word for word in _APART.split(text.casefold()) if word]
    return len(words) <= FEW_WORDS and bool({*words[:1], *words[-1:]} & SIDES)
