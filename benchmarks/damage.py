"""Damages records of the VQA v2 layout in every way that files from the wild are damaged."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_ID = re.compile(r'("question_id": )(\d+)')
_FIRST = re.compile(r'\{("[a-z_]+": )')
_LAST_TEXT = re.compile(r'("question|"answer_type|"question_type)": "(?:[^"\\]|\\.)*"')


def _first_id(value: str) -> Callable[[str], str]:
    return lambda record: _ID.sub(rf"\g<1>{value}", record, count=1)


def _text(value: str) -> Callable[[str], str]:
    return lambda record: _LAST_TEXT.sub(rf'\1": {value}', record, count=1)


DAMAGES: dict[str, Callable[[str], str]] = {
    "wrong type of a text": _text("5"),
    "wrong type of an id": _first_id("true"),
    "id with a fraction": _first_id("9.5"),
    "null id": _first_id("null"),
    "missing id": lambda record: _ID.sub(r'"forgotten": \2', record, count=1),
    "more members": lambda record: _FIRST.sub(r'{"more": {"a": [1, 2]}, \1', record, count=1),
    "no colon": lambda record: record.replace('": ', '" ', 1),
    "open quote": lambda record: _LAST_TEXT.sub(r'\1": "open', record, count=1),
    "NaN": _first_id("NaN"),
    "lone surrogate": _text(r'"\\ud800"'),
    "id beyond 64 bits": _first_id("9223372036854775808"),
    "one key twice": lambda record: _ID.sub(r"\g<0>, \g<0>", record, count=1),
    "id of another record": _first_id("1000"),
}
"""Kinds of damage by name."""


class Damage:
    """Damages a share of the records that it is given, each in one way; the same ones every time.

    Args:
        share: Share of the records.
        seed: Same seed, same damage.
    """

    def __init__(self, share: float, seed: int) -> None:
        """Damage nothing yet."""
        self._share, self._draw = share, random.Random(seed)
        self._kinds = list(DAMAGES)

    def kind(self) -> str | None:
        """What happens to the next record; ``None`` if it stays whole."""
        if not self._share or self._draw.random() >= self._share:
            return None
        return self._draw.choice(self._kinds)

    def __call__(self, record: str) -> str:
        """The next record, or what is left of it."""
        kind = self.kind()
        return record if kind is None else DAMAGES[kind](record)
