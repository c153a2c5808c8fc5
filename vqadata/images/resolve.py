"""Finds the picture file that a record means, and never one outside the roots.

A root is a folder of this machine, or one of a store of objects. What the store does not list below
that root is not there, so no name leads out of it.

Data sets name pictures by path, by file name, by bare id or by COCO number, in the 2014 scheme
(``COCO_val2014_000000000042.jpg``) or the 2017 scheme (``000000000042.jpg``). Rules are tried from
the most to the least literal; a rule that fits two files fits none.
"""

from __future__ import annotations

import os
import re
import stat
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import islice, takewhile
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from vqadata.errors import readable
from vqadata.stores.address import Address, address_of, split_name
from vqadata.stores.incoming import listing_of
from vqadata.stores.listing import LISTED, PICTURE_SUFFIXES, is_picture
from vqadata.stores.reading import Stored, read_stored

COCO_NAME = re.compile(r"(?:COCO_(?P<subset>[a-z]+\d{4})_)?(?P<number>\d{12})\.(?:jpg|png)", re.I)
"""File names of COCO pictures, of the releases of 2014, 2015 and 2017."""

REMEMBERED = 1 << 13
"""Names whose files are remembered: a picture's questions mostly come together."""

FOLDERS = 64
"""Folders of a store that are listed one by one; from then on all below the root is."""

_BARE = re.compile(r"(?!\.{1,2}$)[^/\\\0]+")


class OutsideRootError(ValueError):
    """A picture path that leads out of every root."""


Rule = Literal[
    "path", "images-folder", "path-end", "file-name", "stem", "coco-number", "trimmed", "embedded",
    "url",
]  # fmt: skip
"""How a picture was found: under its literal path, in the root's folder ``images``, by the end of
its path, by its file name anywhere under the roots, by its name without or with another suffix, by
its COCO number in another naming scheme, by its name without the spaces around it; inside the
input, or downloaded."""


class Found(NamedTuple):
    """A picture file."""

    file: Path
    """The file to read."""
    name: str
    """Its path relative to the root, with slashes."""
    rule: Rule = "path"
    """How it was found."""
    span: tuple[int, int] | None = None
    """Offset and length, where the picture is a part of the file."""
    stored: Stored | None = None
    """Where it lies in a store, as it was listed; ``file`` stands for its address."""

    def read(self) -> bytes:
        """The picture's bytes.

        Raises:
            VqaDataError: They cannot be read.
        """
        if self.stored is not None:
            return read_stored(self.stored)
        with readable(self.file), self.file.open("rb") as file:
            start, length = self.span or (0, -1)
            file.seek(start)
            return file.read(length)

    @property
    def size(self) -> int:
        """Bytes of the picture."""
        if self.stored is not None:
            return self.stored.size
        with readable(self.file):
            return self.file.stat().st_size if self.span is None else self.span[1]


class Resolver:
    """Looks up pictures under one or several roots.

    Args:
        roots: Folders, in the order in which they are tried, of this machine or addresses in
            stores. Each one's subfolder ``images`` is tried as well.
        deep: Search whole roots by file name, id and number; otherwise only their ``images``.
    """

    def __init__(self, roots: list[Path], deep: bool = True) -> None:
        """Look nothing up yet: the index is built when a literal path fails."""
        self._roots = [_root_at(root) for root in roots]
        self._deep = deep
        self._index: _Index | None = None
        self._listings: list[_Folder | _StoredFolder] | None = None
        self._memory: dict[str, Found | None] = {}

    def find(self, name: str) -> Found | None:
        """Find the file for ``name``; ``None`` if there is none, or no single one.

        Raises:
            OutsideRootError: The name leads out of the roots, by ``..``, through a symbolic link,
                or as an absolute path whose end is nowhere under them.
        """
        if name not in self._memory:
            if len(self._memory) >= REMEMBERED:
                self._memory.clear()
            self._memory[name] = self._find_as_given(name) or self._find_trimmed(name)
        return self._memory[name]

    def finds_none_of(self, names: Sequence[str]) -> bool:
        """Whether none of some file names is there, which one look at the roots can tell.

        Args:
            names: The names; one with a folder in it has to be looked for on its own.
        """
        return (
            all(_BARE.fullmatch(name) and name == name.strip() for name in names)
            and all(folder.has_none_of(names) for folder in self._folders())
            and self._pictures_below().is_empty
        )

    @property
    def asks_stores(self) -> bool:
        """Whether any root lies in a store."""
        return any(isinstance(root, _StoredRoot) for root in self._roots)

    def _folders(self) -> list[_Folder | _StoredFolder]:
        """The folders in which names are tried first."""
        if self._listings is None:
            self._listings = [
                root.folder(below) for root in self._roots for below in ("", "images")
            ]
        return self._listings

    def _find_as_given(self, name: str) -> Found | None:
        return self._beside(name) if _BARE.fullmatch(name) else self._find(name)

    def _find_trimmed(self, name: str) -> Found | None:
        """Find a name without the spaces around it, which tables that were typed by hand have."""
        trimmed = name.strip()
        found = self._find_as_given(trimmed) if trimmed not in ("", name) else None
        return found and found._replace(rule="trimmed")

    def _beside(self, name: str) -> Found | None:
        """Find a file name without folders."""
        found = (folder.find(name) for folder in self._folders())
        return next(filter(None, found), None) or self._by_index(PurePosixPath(name))

    def _find(self, name: str) -> Found | None:
        path = PurePosixPath(name.replace("\\", "/"))
        if "\0" in name or ".." in path.parts:
            raise OutsideRootError(name)
        if path.is_absolute():
            return self._absolute(Path(path))
        places = ((root, below) for root in self._roots for below in ("", "images"))
        found = (root.find(path, below) for root, below in places)
        return next(filter(None, found), None) or self._by_index(path)

    def _absolute(self, path: Path) -> Found | None:
        for root in self._roots:
            if isinstance(root, _Root) and path.resolve().is_relative_to(root.path):
                return _inside(root.path, path, "path") if _is_file(path) else None
        # Another machine's path, such as /home/ann/coco/1.jpg, is a prefix that is wrong here. If
        # it is right here, another picture that happens to be called so must not take its place.
        elsewhere = None if _is_file(path) else self._by_index(PurePosixPath(path))
        if elsewhere is None:
            raise OutsideRootError(str(path))
        return elsewhere

    def _by_index(self, path: PurePosixPath) -> Found | None:
        return self._pictures_below().find(path)

    def _pictures_below(self) -> _Index:
        if self._index is None:
            self._index = _Index(self._roots, "" if self._deep else "images")
        return self._index


class _Root:
    """A folder of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    def folder(self, below: str) -> _Folder:
        """The root itself, or a folder in it."""
        return _Folder(self.path, self.path / below)

    def find(self, path: PurePosixPath, below: str) -> Found | None:
        """The file of that path in a folder of the root; ``None`` if there is none.

        Raises:
            OutsideRootError: A link leads out of the root.
        """
        file = self.path / below / path
        return _inside(self.path, file, _rule(below)) if _is_file(file) else None

    def pictures(self, below: str) -> Iterator[Found]:
        """All pictures in and below a folder of the root."""
        return _pictures(self.path, self.path / below)


class _StoredRoot:
    """A folder of a store."""

    def __init__(self, address: Address) -> None:
        self._address, self._listing = address, listing_of(address)
        self._asked: set[str] = set()

    def folder(self, below: str) -> _StoredFolder:
        """As in :class:`_Root`."""
        return _StoredFolder(self, below)

    def has_none_of(self, names: Sequence[str], below: str) -> bool:
        """Whether it is plain to see that none of some names is in a folder of the root."""
        return self._listing.folder(self._in(below)).has_none_of(names)

    def find(self, path: PurePosixPath, below: str) -> Found | None:
        """As in :class:`_Root`."""
        name = (below / path).as_posix()
        if len(self._asked) < FOLDERS:
            self._asked.add(split_name(name)[0])
            if len(self._asked) == FOLDERS:
                deque(self._listing.below(self._address.key), maxlen=0)
        return self._found(name, _rule(below))

    def pictures(self, below: str) -> Iterator[Found]:
        """As in :class:`_Root`."""
        names = filter(is_picture, self._listing.below(self._in(below)))
        found = (self._found(f"{below}/{name}".lstrip("/"), "path") for name in names)
        return filter(None, found)

    def _found(self, name: str, rule: Rule) -> Found | None:
        stored = self._listing.file(self._in(name))
        return stored and Found(stored.address.path, name, rule, None, stored)

    def _in(self, name: str) -> str:
        return self._address.below(name).key if name else self._address.key


class _StoredFolder:
    """A folder of a store in which names are tried."""

    def __init__(self, root: _StoredRoot, below: str) -> None:
        self._root, self._below = root, below

    def has_none_of(self, names: Sequence[str]) -> bool:
        """Whether it is plain to see that none of some names is there."""
        return self._root.has_none_of(names, self._below)

    def find(self, name: str) -> Found | None:
        """The file of that name; ``None`` if there is none."""
        return self._root.find(PurePosixPath(name), self._below)


def _root_at(path: Path) -> _Root | _StoredRoot:
    address = address_of(path)
    return _Root(path) if address is None else _StoredRoot(address)


class _Folder:
    """A folder in which names are tried: it is listed once, unless the list were very long."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root, self._folder = root, folder
        self._rule = _rule("" if folder == root else folder.name)
        self._prefix = "" if folder == root else f"{folder.name}/"
        self._is_inside = folder.resolve().is_relative_to(root)
        entries = os.scandir(folder) if folder.is_dir() else None
        with entries or nullcontext() as some:
            names = [entry.name for entry in islice(some or (), LISTED + 1)]
        self._listed = frozenset(names) if len(names) <= LISTED else None

    def has_none_of(self, names: Sequence[str]) -> bool:
        """Whether it is plain to see that none of some names is there."""
        return self._listed is not None and self._listed.isdisjoint(names)

    def find(self, name: str) -> Found | None:
        """The file of that name; ``None`` if there is none.

        Raises:
            OutsideRootError: It is a link that leads out of the root, or lies behind one.
        """
        if self._listed is not None and name not in self._listed:
            return None
        file = self._folder / name
        # What is no link, in a folder that is inside, is inside; links are followed to their end.
        if self._is_inside and _is_plain(file):
            return Found(file, self._prefix + name, self._rule)
        return _inside(self._root, file, self._rule) if _is_file(file) else None


class _Index:
    """All picture files under the roots, by file name, by stem and by COCO number."""

    def __init__(self, roots: list[_Root | _StoredRoot], below: str) -> None:
        self._by_name: dict[str, list[Found]] = defaultdict(list)
        self._by_stem: dict[str, list[Found]] = defaultdict(list)
        self._by_coco: dict[int, list[Found]] = defaultdict(list)
        for found in (found for root in roots for found in root.pictures(below)):
            name = PurePosixPath(found.name)
            self._by_name[name.name].append(found)
            self._by_stem[name.stem].append(found)
            if coco := COCO_NAME.fullmatch(name.name):
                self._by_coco[int(coco["number"])].append(found)

    @property
    def is_empty(self) -> bool:
        """Whether there is no picture at all."""
        return not self._by_name

    def find(self, path: PurePosixPath) -> Found | None:
        """The one picture that ``path`` can mean; ``None`` if there is none, or several."""
        if self.is_empty:
            return None
        coco = COCO_NAME.fullmatch(path.name)
        stem = path.stem if path.suffix.lower() in PICTURE_SUFFIXES else path.name
        candidates: tuple[tuple[Rule, list[Found] | None], ...] = (
            ("file-name", self._by_name.get(path.name)),
            ("stem", self._by_stem.get(stem)),
            ("coco-number", self._by_coco.get(int(coco["number"])) if coco else None),
        )
        for rule, files in candidates:
            if files:
                return _nearest(path, files, rule)
        return None


def _nearest(path: PurePosixPath, files: list[Found], rule: Rule) -> Found | None:
    """The file that shares most folders with ``path``, counted from its end."""
    shared = [_shared_folders(path, PurePosixPath(file.name)) for file in files]
    best = max(shared)
    if shared.count(best) > 1:
        return None
    file = files[shared.index(best)]
    return file._replace(rule="path-end" if best and rule == "file-name" else rule)


def _shared_folders(one: PurePosixPath, other: PurePosixPath) -> int:
    pairs = zip(reversed(one.parent.parts), reversed(other.parent.parts), strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _pictures(root: Path, start: Path) -> Iterator[Found]:
    for folder, folders, files in os.walk(start):
        folders.sort()
        is_inside = Path(folder).resolve().is_relative_to(root)
        for file in sorted(filter(is_picture, files)):
            path = Path(folder, file)
            if (is_inside and _is_plain(path)) or _leads_to_file_in(root, path):
                yield Found(path, path.relative_to(root).as_posix())


def _leads_to_file_in(root: Path, path: Path) -> bool:
    """Whether a path, perhaps through links, ends at a file under ``root`` that is there."""
    return _is_file(path) and path.resolve().is_relative_to(root)


def _is_plain(path: Path) -> bool:
    """Whether it is a file, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the file system
        return False


def _rule(below: str) -> Rule:
    return "images-folder" if below else "path"


def _inside(root: Path, file: Path, rule: Rule) -> Found:
    if not file.resolve().is_relative_to(root):
        raise OutsideRootError(str(file))
    return Found(file, file.relative_to(root).as_posix(), rule)
