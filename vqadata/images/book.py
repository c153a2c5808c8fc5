"""Finds and numbers the pictures of a data set: equal bytes are one, under whatever names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeAlias

from vqadata.digests import bytes_digest
from vqadata.images.embedded import EmbeddedPictures
from vqadata.images.fetch import FetchError, Limits, fetch, is_url
from vqadata.images.resolve import COCO_NAME, Found, Resolver

Names: TypeAlias = tuple[str, ...]
"""The pictures of one question, in order."""

BY_NAME = ("file-name", "stem")
"""Rules that take a file although its folders are not those of the name."""

CLAIMS = 4
"""Names that are remembered for one file; two are enough to contest it."""

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
        resolver: Finds files under the roots.
        embedded: Holds what came inside the input; downloads are put there too.
        limits: What may be downloaded.
    """

    def __init__(
        self, resolver: Resolver, embedded: EmbeddedPictures, limits: Limits | None = None
    ) -> None:
        """Know no picture yet."""
        self._resolver, self._embedded = resolver, embedded
        self._limits = limits or Limits(frozenset(), 0, 0)
        self._fetched: dict[str, Found | FetchError] = {}
        self._claims: dict[Path, set[str]] = {}
        self._numbers: dict[tuple[object, ...], int] = {}
        self._places: dict[int, Place] = {}
        self._next = 0
        self._missing = 0
        self._keys: dict[tuple[object, ...], str] = {}
        self._first_of_size: dict[int, tuple[Found, str]] = {}
        self._hashed: set[int] = set()
        self._by_digest: dict[str, str] = {}

    def find(self, names: Names) -> tuple[Found | None, ...]:
        """The files of some pictures; ``None`` for one that is missing.

        Raises:
            OutsideRootError: A name leads out of the roots.
            FetchError: A picture that is named by URL could not be downloaded, or may not be.
        """
        return tuple(map(self._find, names))

    def finds_none_of(self, names: Sequence[str]) -> bool:
        """Whether it is plain to see that none of some file names can be found."""
        return self._resolver.finds_none_of(names) and not any(map(self._embedded.find, names))

    def contested(self, place: Place) -> tuple[str, ...]:
        """Names of different pictures that lead to one file of ``place``; mostly none.

        ``a/source.jpg`` and ``b/source.jpg`` mean two pictures. If only one file of that name is
        there, it is not known whose it is, unless its own path is one of them.
        """
        for file in filter(None, place.files):
            claims = self._claims.get(file.file, set())
            if file.rule in BY_NAME and len(claims) > 1:
                return tuple(sorted(claims))
        return ()

    def _find(self, name: str) -> Found | None:
        found = self._embedded.find(name)
        if found is not None or is_url(name):
            return found or self._download(name)
        found = self._resolver.find(name)
        if found is not None:
            self._claim(found.file, PurePosixPath(name.replace("\\", "/")))
        return found

    def _claim(self, file: Path, path: PurePosixPath) -> None:
        """Remember who asks for a file; COCO names mean one picture each, whatever the folder."""
        folders = path.parent.as_posix().lstrip("./")
        if folders and not COCO_NAME.fullmatch(path.name):
            claims = self._claims.setdefault(file, set())
            if len(claims) < CLAIMS:
                claims.add(f"{folders}/{path.name}")

    def _download(self, url: str) -> Found:
        """Download a picture once; a failure is remembered as well."""
        if url not in self._fetched:
            try:
                name = self._embedded.add(fetch(url, self._limits), _name_of(url))
                found = self._embedded.find(name)
                self._fetched[url] = found._replace(rule="url") if found else FetchError(url)
            except FetchError as error:
                self._fetched[url] = error
        known = self._fetched[url]
        if isinstance(known, FetchError):
            raise known
        return known

    def number(self, names: Names, files: tuple[Found | None, ...], split: str | None) -> int:
        """The number of a set of pictures in a split, a new one if it was not met before."""
        key = (split, *(self._key(name, file) for name, file in zip(names, files, strict=True)))
        known = self._numbers.get(key)
        if known is not None:
            return known
        number = self.next_number()
        if any(files):
            self._places[number] = Place(number, names, files)
        else:
            self._missing += 1
        if any(files) or self._missing <= MISSING_REMEMBERED:
            self._numbers[key] = number
        return number

    def next_number(self) -> int:
        """A number that no set of pictures has."""
        self._next += 1
        return self._next - 1

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
        place = (file.file, file.span, file.rule in BY_NAME)
        if place not in self._keys:
            self._keys[place] = self._new_key(file)
        return self._keys[place]

    def _new_key(self, file: Found) -> str:
        own, size = f"{file.file} {file.span or ''}", file.size
        if file.rule in BY_NAME and file.file in self._claims:
            return f"{own} by name"  # may turn out to be contested, its owner's rows may not
        first, key = self._first_of_size.setdefault(size, (file, own))
        if first is file or size == 0:
            return own
        if size not in self._hashed:
            self._hashed.add(size)
            self._by_digest[bytes_digest(first.read())] = key
        return self._by_digest.setdefault(bytes_digest(file.read()), own)


def _name_of(url: str) -> str:
    """The name of a downloaded picture: its host and path, which is no path of this machine.

    >>> _name_of("https://example.org/a/b.jpg?size=2")
    'example.org/a/b.jpg?size=2'
    """
    return url.partition("//")[2]
