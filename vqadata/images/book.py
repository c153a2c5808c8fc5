"""Finds and numbers the pictures of a data set: equal bytes are one, under whatever names."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeAlias

from vqadata.groundwork.digests import bytes_digest
from vqadata.groundwork.long_dict import LongDict
from vqadata.images.embedded import EmbeddedPictures
from vqadata.images.fetch import FetchError, Limits, fetch, is_url
from vqadata.images.resolve import COCO_NAME, Found, OutsideRootError, Resolver
from vqadata.stores.reading import ahead

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
        scratch: Folder for temporary files; without it all stays in memory.
    """

    def __init__(
        self,
        resolver: Resolver,
        embedded: EmbeddedPictures,
        limits: Limits | None = None,
        scratch: Path | None = None,
    ) -> None:
        """Know no picture yet."""
        self._resolver, self._embedded = resolver, embedded
        self._limits = limits or Limits(frozenset(), 0, 0)
        self._fetched: dict[str, Found | FetchError] = {}
        self._next = self._missing = self._waiting = 0
        # Keys are digests, values that are no texts or numbers are pickled.
        self._claims = LongDict[str, bytes](scratch)
        self._numbers = LongDict[str, int](scratch)
        self._places = LongDict[int, bytes](scratch)
        self._keys = LongDict[str, str](scratch)
        self._first_of_size = LongDict[int, bytes](scratch)
        self._by_digest = LongDict[str, str](scratch)
        self._read_ahead: dict[Found, str] = {}

    def prepare(self, mentions: Iterable[Names]) -> None:
        """Read those pictures of a store, many at a time, whose bytes will be compared.

        Args:
            mentions: The pictures of the questions that :meth:`number` will be asked for next.
        """
        if self._resolver.asks_stores:
            wanted = list(self._to_compare({*self._stored(mentions)}))
            digests = ahead(wanted, lambda file: bytes_digest(file.read()))
            self._read_ahead = dict(zip(wanted, digests, strict=True))

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
            claims = self._claimed(file.file) if file.rule in BY_NAME else ()
            if len(claims) > 1:
                return tuple(sorted(claims))
        return ()

    def _stored(self, mentions: Iterable[Names]) -> Iterator[Found]:
        """The files of a store among some pictures."""
        for name in {name for names in mentions for name in names if not is_url(name)}:
            with suppress(OutsideRootError):
                found = self._embedded.find(name) or self._resolver.find(name)
                if found is not None and found.stored is not None:
                    yield found

    def _to_compare(self, files: set[Found]) -> Iterator[Found]:
        """Those of some new files that are as large as another one, and that one."""
        new = [file for file in files if self._keys.get(_place(file)) is None]
        alike = Counter(file.size for file in new)
        for size in alike:
            first = self._first_of_size.get(size)
            if first is not None and first != _HASHED:
                other = pickle.loads(first)[0]  # noqa: S301 - written below
                yield from [other] if other.stored is not None and other not in new else []
            if size and (first is not None or alike[size] > 1):
                yield from (file for file in new if file.size == size)

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
            claims, claim = self._claimed(file), f"{folders}/{path.name}"
            if len(claims) < CLAIMS and claim not in claims:
                self._claims.set(_digest(str(file)), pickle.dumps((*claims, claim)))

    def _claimed(self, file: Path) -> tuple[str, ...]:
        """Who asks for a file."""
        known = self._claims.get(_digest(str(file)))
        return pickle.loads(known) if known else ()  # noqa: S301 - written above

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
        keys = [self._key(name, file) for name, file in zip(names, files, strict=True)]
        key = _digest("" if split is None else f"={split}", *keys)
        known = self._numbers.get(key)
        if known is not None:
            return known
        number = self.next_number()
        if any(files):
            self._places.set(number, pickle.dumps((names, files)))
            self._waiting += 1
        else:
            self._missing += 1
        if any(files) or self._missing <= MISSING_REMEMBERED:
            self._numbers.set(key, number)
        return number

    def next_number(self) -> int:
        """A number that no set of pictures has."""
        self._next += 1
        return self._next - 1

    def place(self, number: int, names: Names) -> Place:
        """Where the pictures of a number are; ``names`` are those of one of its questions."""
        known = self._places.get(number)
        if known is None:
            return Place(number, names, (None,) * len(names))
        self._waiting -= 1
        return Place(number, *pickle.loads(known))  # noqa: S301 - written above

    @property
    def has_pictures(self) -> bool:
        """Whether any picture was found whose place was not asked for yet."""
        return self._waiting > 0

    def _key(self, name: str, file: Found | None) -> str:
        """A key that is equal for files of equal bytes. Only files of equal size are read."""
        if file is None:
            return f"missing {name}"
        place = _place(file)
        known = self._keys.get(place)
        if known is None:
            known = self._new_key(file)
            self._keys.set(place, known)
        return known

    def _new_key(self, file: Found) -> str:
        own, size = _digest(str(file.file), str(file.span)), file.size
        if file.rule in BY_NAME and self._claimed(file.file):
            return f"{own} by name"  # may turn out to be contested, its owner's rows may not
        first = self._first_of_size.get(size)
        if first is None:
            self._first_of_size.set(size, pickle.dumps((file, own)))
        if first is None or size == 0:
            return own
        if first != _HASHED:
            other, key = pickle.loads(first)  # noqa: S301 - written above
            self._by_digest.set(self._digest_of(other), key)
            self._first_of_size.set(size, _HASHED)
        return self._key_of_bytes(self._digest_of(file), own)

    def _digest_of(self, file: Found) -> str:
        return self._read_ahead.get(file) or bytes_digest(file.read())

    def _key_of_bytes(self, digest: str, own: str) -> str:
        """The key of the first file of some bytes, which may be this one."""
        known = self._by_digest.get(digest)
        if known is None:
            self._by_digest.set(digest, own)
        return known or own


_HASHED = b""
"""Stands for the first file of a size when its bytes are known."""


def _place(file: Found) -> str:
    return _digest(str(file.file), str(file.span), str(file.rule in BY_NAME))


def _digest(*parts: str) -> str:
    return bytes_digest("\0".join(parts).encode("utf-8", "surrogatepass"))


def _name_of(url: str) -> str:
    """The name of a downloaded picture: its host and path, which is no path of this machine.

    >>> _name_of("https://example.org/a/b.jpg?size=2")
    'example.org/a/b.jpg?size=2'
    """
    return url.partition("//")[2]
