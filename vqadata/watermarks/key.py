"""The key of a text: what is left of it when it is compared with others.

Case, spaces and punctuation go, digits become ``#``: an image number or a date under the same name
is the same mark. A key needs three letters or two Chinese characters; with less, numbers on jerseys
and letters on films would be taken for marks.
"""

from __future__ import annotations

import re
import unicodedata

LETTERS, CHARACTERS = 3, 2
"""Fewest letters, or Chinese characters, of a key."""

_HAN = "一-鿿㐀-䶿"
_NO_WORD = re.compile(r"[\W_]+")
_DIGIT = re.compile(r"\d")
_HAN_RUN = re.compile(f"[{_HAN}]")


def plain(text: str) -> str:
    """A text without case, spaces and punctuation.

    >>> plain("www.Flickr.com / 2019 版权")
    'wwwflickrcom2019版权'
    """
    return _NO_WORD.sub("", unicodedata.normalize("NFKC", text).casefold())


def key(text: str) -> str:
    """The key of a text, empty if there is too little of it.

    >>> key("Image ID: 4711-A"), key("R 12"), key("图 虫")
    ('imageid####a', '', '图虫')
    """
    masked = _DIGIT.sub("#", plain(text))
    han = len(_HAN_RUN.findall(masked))
    letters = sum(map(str.isalpha, masked)) - han
    return masked if letters >= LETTERS or han >= CHARACTERS else ""


def has_han(text: str) -> bool:
    """Whether there is a Chinese character in it."""
    return _HAN_RUN.search(text) is not None
