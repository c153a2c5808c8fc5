"""A dictionary that needs no room in memory: what is beyond its first entries lies in a database.

Most data sets are small, and a plain dictionary is the fastest; a large one goes to a temporary
SQLite file some thousand entries at a time, at some 10 microseconds an entry.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Hashable
from pathlib import Path
from typing import Generic, TypeVar, cast

HELD = 1 << 12
"""Entries that are held in memory before they go to the file."""

CACHE_KIB = 1024
"""Memory that SQLite may take for one of them."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LongDict(Generic[Key, Value]):
    """Keys with values, of types that SQLite knows: int, str, bytes, float.

    Args:
        scratch: Where a temporary file may be made, which is gone with this object; without it all
            stays in memory.

    >>> numbers = LongDict[str, int]()
    >>> numbers.set("a", 1)
    >>> numbers.get("a"), numbers.get("b")
    (1, None)
    """

    def __init__(self, scratch: Path | None = None) -> None:
        """Hold nothing."""
        self._scratch = scratch
        self._held: dict[Key, Value] = {}
        self._file: sqlite3.Connection | None = None

    def get(self, key: Key) -> Value | None:
        """The value of a key; ``None`` if it has none."""
        found = self._held.get(key)
        if found is None and self._file is not None:
            row = self._file.execute("SELECT value FROM entry WHERE key = ?", (key,)).fetchone()
            found = cast("Value", row[0]) if row else None
        return found

    def set(self, key: Key, value: Value) -> None:
        """Give a key a value, which must not be ``None``."""
        self._held[key] = value
        if len(self._held) >= HELD and self._scratch is not None:
            self._put_away(self._scratch)

    def _put_away(self, scratch: Path) -> None:
        if self._file is None:
            folder = Path(tempfile.mkdtemp(dir=scratch, prefix="dict-"))
            self._file = _opened(folder / "entries")
            weakref.finalize(self, _remove, self._file, folder)
        # In the order of the keys each page is met once.
        rows = sorted(self._held.items(), key=lambda row: row[0])  # type: ignore[arg-type,return-value]
        self._file.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?)", rows)
        self._held.clear()


def _remove(file: sqlite3.Connection, folder: Path) -> None:
    file.close()
    shutil.rmtree(folder, ignore_errors=True)


def _opened(path: Path) -> sqlite3.Connection:
    """A new database that nobody else will open and that need not outlive this process."""
    file = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE",
                   f"cache_size = -{CACHE_KIB}"):  # fmt: skip
        file.execute(f"PRAGMA {pragma}")
    file.execute("CREATE TABLE entry (key PRIMARY KEY, value) WITHOUT ROWID")
    file.execute("BEGIN")
    return file
