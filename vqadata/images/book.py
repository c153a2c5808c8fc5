"""Numbers the pictures of a data set: equal bytes are one picture, under whatever names."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, TypeAlias

from vqadata.digests import bytes_digest
from vqadata.images.resolve import Found, Resolver

Names: TypeAlias = tuple[str, ...]
"""The pictures of one question, in order."""

MISSING_REMEMBERED = 200_000
"""Missing pictures that are numbered by name; a data set of more gets a row for each mention."""


class Place(NamedTuple):
    """What was found for the pictures of one question."""

    number: int
    """Number of the set of pictures, in the order of first mention."""
    names: Names
    files: tuple[Found | None, ...]
    """The files; ``None`` for a picture that is missing."""


class PictureBook:
    """Looks pictures up and numbers them.

    Args:
        resolver: Finds the files.
    """

    def __init__(self, resolver: Resolver) -> None:
        """Know no picture yet."""
        self._resolver = resolver
        self._numbers: dict[tuple[object, ...], int] = {}
        self._places: dict[int, Place] = {}
        self._next = 0
        self._missing = 0
        self._keys: dict[Path, str] = {}
        self._first_of_size: dict[int, Path] = {}
        self._hashed: set[int] = set()
        self._by_digest: dict[str, str] = {}

    def find(self, names: Names) -> tuple[Found | None, ...]:
        """The files of some pictures; ``None`` for one that is missing.

        Raises:
            OutsideRootError: A name leads out of the roots.
        """
        return tuple(map(self._resolver.find, names))

    def number(self, names: Names, files: tuple[Found | None, ...], split: str | None) -> int:
        """The number of a set of pictures in a split, a new one if it was not met before."""
        key = (split, *(self._key(name, file) for name, file in zip(names, files, strict=True)))
        known = self._numbers.get(key)
        if known is not None:
            return known
        number = self._next
        self._next += 1
        if any(files):
            self._places[number] = Place(number, names, files)
        else:
            self._missing += 1
        if any(files) or self._missing <= MISSING_REMEMBERED:
            self._numbers[key] = number
        return number

    def place(self, number: int, names: Names) -> Place:
        """Where the pictures of a number are; ``names`` are those of one of its questions."""
        known = self._places.pop(number, None)
        return known or Place(number, names, (None,) * len(names))

    @property
    def has_pictures(self) -> bool:
        """Whether any picture was found whose place was not asked for yet."""
        return bool(self._places)

    def _key(self, name: str, file: Found | None) -> str:
        """A key that is equal for files of equal bytes. Only files of equal size are read."""
        if file is None:
            return f"missing {name}"
        path = file.file
        if path not in self._keys:
            self._keys[path] = self._new_key(path, path.stat().st_size)
        return self._keys[path]

    def _new_key(self, path: Path, size: int) -> str:
        first = self._first_of_size.setdefault(size, path)
        if first is path or size == 0:
            return str(path)
        if size not in self._hashed:
            self._hashed.add(size)
            self._by_digest[bytes_digest(first.read_bytes())] = self._keys[first]
        return self._by_digest.setdefault(bytes_digest(path.read_bytes()), str(path))
