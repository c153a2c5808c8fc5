"""Finds the picture file that a record means, and never one outside the roots.

Data sets name pictures by path, by file name, by bare id or by COCO number, in the 2014 scheme
(``COCO_val2014_000000000042.jpg``) or the 2017 scheme (``000000000042.jpg``). Rules are tried from
the most to the least literal; a rule that fits two files fits none.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

COCO_NAME = re.compile(r"(?:COCO_(?P<subset>[a-z]+\d{4})_)?(?P<number>\d{12})\.(?:jpg|png)", re.I)
"""File names of COCO pictures, of the releases of 2014, 2015 and 2017."""

PICTURE_SUFFIXES = frozenset(
    ".jpg .jpeg .png .gif .bmp .tif .tiff .webp .ppm .pgm .jp2 .avif".split()  # noqa: SIM905
)
"""Suffixes of the files that the index of a root lists."""


REMEMBERED = 1 << 16
"""Names whose files are remembered."""

_BARE = re.compile(r"(?!\.{1,2}$)[^/\\\0]+")


class OutsideRootError(ValueError):
    """A picture path that leads out of every root."""


class Found(NamedTuple):
    """A picture file."""

    file: Path
    """The file to read."""
    name: str
    """Its path relative to the root, with slashes."""


class Resolver:
    """Looks up pictures under one or several roots.

    Args:
        roots: Folders, in the order in which they are tried. Each one's subfolder ``images`` is
            tried as well.
        deep: Search whole roots by file name, id and number; otherwise only their ``images``.
    """

    def __init__(self, roots: list[Path], deep: bool = True) -> None:
        """Look nothing up yet: the index is built when a literal path fails."""
        self._roots = [root.resolve() for root in roots]
        self._deep = deep
        self._index: _Index | None = None
        self._listings: list[tuple[Path, Path, frozenset[str]]] | None = None
        self._memory: dict[str, Found | None] = {}

    def find(self, name: str) -> Found | None:
        """Find the file for ``name``; ``None`` if there is none, or no single one.

        Raises:
            OutsideRootError: The name leads out of the roots, by ``..``, as an absolute path or
                through a symbolic link.
        """
        if name not in self._memory:
            if len(self._memory) >= REMEMBERED:
                self._memory.clear()
            self._memory[name] = self._beside(name) if _BARE.fullmatch(name) else self._find(name)
        return self._memory[name]

    def _beside(self, name: str) -> Found | None:
        """Find a file name without folders: the folders are listed once, not asked each time."""
        if self._listings is None:
            folders = [(root, folder) for root in self._roots for folder in (root, root / "images")]
            self._listings = [(*pair, _listed(pair[1])) for pair in folders]
        for root, folder, listed in self._listings:
            if name in listed and _is_file(folder / name):
                return _inside(root, folder / name)
        return self._by_index(name)

    def _find(self, name: str) -> Found | None:
        path = PurePosixPath(name.replace("\\", "/"))
        if "\0" in name or ".." in path.parts:
            raise OutsideRootError(name)
        if path.is_absolute():
            return self._absolute(Path(path))
        for root in self._roots:
            for folder in (root, root / "images"):
                if _is_file(folder / path):
                    return _inside(root, folder / path)
        return self._by_index(path.name)

    def _absolute(self, path: Path) -> Found | None:
        for root in self._roots:
            if path.resolve().is_relative_to(root):
                return _inside(root, path) if _is_file(path) else None
        raise OutsideRootError(str(path))

    def _by_index(self, name: str) -> Found | None:
        if self._index is None:
            self._index = _Index(self._roots, "" if self._deep else "images")
        return self._index.find(name)


class _Index:
    """All picture files under the roots, by file name, by stem and by COCO number."""

    def __init__(self, roots: list[Path], below: str) -> None:
        self._by_name: dict[str, list[Found]] = defaultdict(list)
        self._by_stem: dict[str, list[Found]] = defaultdict(list)
        self._by_coco: dict[int, list[Found]] = defaultdict(list)
        for found in (found for root in roots for found in _pictures(root, root / below)):
            name = PurePosixPath(found.name)
            self._by_name[name.name].append(found)
            self._by_stem[name.stem].append(found)
            if coco := COCO_NAME.fullmatch(name.name):
                self._by_coco[int(coco["number"])].append(found)

    def find(self, name: str) -> Found | None:
        if not self._by_name:
            return None
        candidates = [self._by_name.get(name), self._by_stem.get(name)]
        if coco := COCO_NAME.fullmatch(name):
            candidates.append(self._by_coco.get(int(coco["number"])))
        for files in candidates:
            if files:
                return files[0] if len(files) == 1 else None
        return None


def _pictures(root: Path, start: Path) -> Iterator[Found]:
    for folder, folders, files in os.walk(start):
        folders.sort()
        for file in sorted(files):
            path = Path(folder, file)
            if path.suffix.lower() in PICTURE_SUFFIXES and path.resolve().is_relative_to(root):
                yield Found(path, path.relative_to(root).as_posix())


def _listed(folder: Path) -> frozenset[str]:
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the file system
        return False


def _inside(root: Path, file: Path) -> Found:
    if not file.resolve().is_relative_to(root):
        raise OutsideRootError(str(file))
    return Found(file, file.relative_to(root).as_posix())
