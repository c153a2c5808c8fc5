"""What the values of a field look like: the evidence on which a field map is proposed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vqadata.images.embedded import picture_data
from vqadata.layouts.field_path import FieldPath, fields_of, join_path
from vqadata.layouts.mapped_value import is_nothing

PICTURE = re.compile(r"(?i)\.(jpe?g|png|gif|bmp|tiff?|webp|ppm|pgm|jp2|avif)$")
"""Suffixes of picture files."""

MOST = 0.9
"""Share of the values from which a field is said to be of a kind."""

EXAMPLE = 50
"""Characters of an example value."""

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


@dataclass
class FieldProfile:
    """One field and its values in the records that were looked at."""

    path: FieldPath
    values: list[Any] = field(default_factory=list)
    """What it holds, without the rows in which it holds nothing."""

    @property
    def dotted(self) -> str:
        """Its dotted path."""
        return join_path(self.path)

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The words of its own name, in lower case and singular; ``imgNames`` is ``img name``."""
        return name_tokens(self.path[-1])

    def share(self, kind: Callable[[Any], bool]) -> float:
        """Share of the values for which ``kind`` holds, 0 to 1."""
        return sum(map(kind, self.values)) / len(self.values) if self.values else 0.0

    def mostly(self, kind: Callable[[Any], bool]) -> bool:
        """Whether ``kind`` holds for :data:`MOST` of the values."""
        return self.share(kind) >= MOST

    @cached_property
    def distinct(self) -> int:
        """Number of different values."""
        return len({json.dumps(value, sort_keys=True) for value in self.values})

    @property
    def example(self) -> str:
        """The first value as short JSON on one line."""
        text = json.dumps(self.values[0], ensure_ascii=False) if self.values else "nothing"
        return text if len(text) <= EXAMPLE else text[: EXAMPLE - 1] + "…"


def profile_fields(rows: Iterable[Mapping[str, Any]]) -> list[FieldProfile]:
    """Profiles of all fields, in the order in which they are met."""
    profiles: dict[FieldPath, FieldProfile] = {}
    for row in rows:
        for path, value in fields_of(row):
            profile = profiles.setdefault(path, FieldProfile(path))
            if not is_nothing(value):
                profile.values.append(value)
    return list(profiles.values())


def name_tokens(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case and singular.

    >>> name_tokens("imgNames"), name_tokens("Choice_A")
    (('img', 'name'), ('choice', 'a'))
    """
    return tuple(_singular(token.lower()) for token in _TOKEN.findall(name))


def is_text(value: Any) -> bool:
    """Any string."""
    return isinstance(value, str)


def is_scalar(value: Any) -> bool:
    """A string or a number."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def is_identity(value: Any) -> bool:
    """An integer, or a string of one word."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and not re.search(r"\s", value)
    )


def is_picture(value: Any) -> bool:
    """The name of a picture file, or its bytes as text, or a list of them; no web address."""
    if isinstance(value, list):
        return bool(value) and all(map(is_picture, value))
    if not isinstance(value, str) or "://" in value[:16]:
        return False
    return bool(PICTURE.search(value.rstrip())) or picture_data(value) is not None


def is_address(value: Any) -> bool:
    """A web address."""
    return isinstance(value, str) and value[:8].lower().startswith(("http://", "https://"))


def is_sentence(value: Any) -> bool:
    """Text of several words, or of one long word where the script has no spaces."""
    return isinstance(value, str) and (len(value.split()) >= 3 or not value[:4].isascii())


def is_question(value: Any) -> bool:
    """Text with a question mark at its end, of any script."""
    return isinstance(value, str) and value.rstrip().endswith(("?", "？", "؟"))  # noqa: RUF001


def is_texts(value: Any) -> bool:
    """A list of strings or numbers, or text that spells one."""
    if isinstance(value, str):
        return value.strip().startswith("[") and value.strip().endswith("]")
    return isinstance(value, list) and all(map(is_scalar, value))


def is_answers(value: Any) -> bool:
    """A list of texts, or of objects with an answer in each."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return all(isinstance(item, dict) and is_scalar(item.get("answer")) for item in value)
    return is_texts(value)


def _singular(token: str) -> str:
    return token[:-1] if len(token) > 3 and token.endswith("s") and token[-2] not in "su" else token
