"""What lies in a store: one folder at a time is listed, or all below it; each at most once.

A list costs a request a thousand names, a question for one file a request. What was listed lies in
a temporary file, so it needs no room in memory; only the answer of one request for a list does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from vqadata.groundwork.long_dict import LongDict
from vqadata.stores.address import Address, split_name
from vqadata.stores.reading import Stored, asked, version_of

LISTED = 1 << 15
"""Names of pictures in a folder up to which they are held; of a larger one each is looked up."""

PICTURE_SUFFIXES = frozenset(
    ".jpg .jpeg .png .gif .bmp .tif .tiff .webp .ppm .pgm .jp2 .avif".split()  # noqa: SIM905
)
"""Suffixes of pictures."""


class Folder(NamedTuple):
    """The names right in a folder."""

    folders: frozenset[str]
    others: frozenset[str]
    """Files that are no pictures by their suffix."""
    pictures: frozenset[str] | None
    """``None`` for very many."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies in it: then a store knows of no folder."""
        return not (self.folders or self.others or self.pictures is None or self.pictures)

    def has_none_of(self, names: Sequence[str]) -> bool:
        """Whether it is plain to see that none of some names is there."""
        held = (self.folders, self.others, self.pictures)
        return all(some is not None and some.isdisjoint(names) for some in held)


class Listing:
    """The files of one store.

    Args:
        store: Its whole.
        scratch: Folder for temporary files.
    """

    def __init__(self, store: Address, scratch: Path) -> None:
        """List nothing yet."""
        self._store = store
        self._known = LongDict[str, str](scratch)
        self._folders: dict[str, Folder] = {}
        self._whole: set[str] = set()

    def file(self, key: str) -> Stored | None:
        """A file by its name; ``None`` if there is none."""
        folder, name = split_name(key)
        if not name:
            return None
        if not self._is_listed(folder):
            self.folder(folder)
        known = self._known.get(key)
        if known is None:
            return None
        size, _, version = known.partition(" ")
        return Stored(self._store._replace(key=key), int(size), version)

    def folder(self, key: str) -> Folder:
        """The names right in a folder; none if there is none."""
        if key not in self._folders:
            folders, files = set[str](), set[str]()
            for entry in self._ask(key, _listed):
                name = entry["name"].rstrip("/").rpartition("/")[2]
                if entry["type"] == "directory":
                    folders.add(name)
                elif name and not entry["name"].endswith("/"):
                    files.add(name)
                    self._note(f"{key}/{name}".lstrip("/"), entry)
            pictures = frozenset(filter(is_picture, files))
            few = pictures if len(pictures) <= LISTED else None
            self._folders[key] = Folder(frozenset(folders), frozenset(files - pictures), few)
        return self._folders[key]

    def below(self, key: str) -> Iterator[str]:
        """Names of all files in and below a folder, seen from there."""
        found = self._ask(key, _found)
        self._whole.add(key)
        for path, entry in found.items():
            if not path.endswith("/"):
                self._note(f"{key}/{path}".lstrip("/"), entry)
        yield from (path for path in found if not path.endswith("/"))

    def _is_listed(self, folder: str) -> bool:
        parts = folder.split("/")
        above = {"", *("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))}
        return folder in self._folders or not above.isdisjoint(self._whole)

    def _note(self, key: str, entry: dict[str, Any]) -> None:
        self._known.set(key, f"{entry['size']} {version_of(entry)}")

    def _ask(self, key: str, question: Any) -> Any:
        return asked(self._store._replace(key=key), question)


def _listed(files: Any, path: str) -> list[dict[str, Any]]:
    files.invalidate_cache()
    try:
        found: list[dict[str, Any]] = files.ls(path, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    finally:
        files.invalidate_cache()
    own = path.strip("/")
    # Who asks for the list of a file gets the file.
    return [entry for entry in found if entry["name"].strip("/") != own]


def _found(files: Any, path: str) -> dict[str, dict[str, Any]]:
    files.invalidate_cache()
    try:
        found = files.find(path, detail=True)
    except FileNotFoundError:
        return {}
    finally:
        files.invalidate_cache()
    begin = len(path.rstrip("/")) + 1
    own = path.strip("/")
    return {name[begin:]: entry for name, entry in found.items() if name.strip("/") != own}


def is_picture(name: str) -> bool:
    """Whether a file is a picture, by its suffix."""
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES
