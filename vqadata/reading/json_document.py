"""Where in a JSON document the list of records stands, and what stands beside it.

A document that is an object is walked over once, whatever its length, so that an answer is certain:
a list that was chosen is the only one, and no key stands there twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from vqadata.errors import VqaDataError
from vqadata.reading.inputs import InputFile
from vqadata.reading.json_scan import Break
from vqadata.reading.json_walk import Walk
from vqadata.reading.record_stream import BLOCK_BYTES, damaged

MOST_MEMBERS = 10_000
"""Top-level values beyond which a document holds no list of records beside some facts."""

SHOWN_KEYS = 20
"""Keys that an error names at most."""


class Span(NamedTuple):
    """Where a value stands in the file, in bytes."""

    start: int
    end: int
    rank: int
    """What kind of list it is; see :func:`~vqadata.reading.json_scan.list_rank`."""


class JsonObject:
    """An object in a file: its members, and where it makes no sense.

    Args:
        path: The file.
        start: Offset at which the object begins, but for spaces.
        place: Its place in the document, for messages; empty for the document itself.
        block_bytes: Bytes to read at a time where a long list is passed over.

    Raises:
        VqaDataError: The file cannot be read, or no object stands there.
    """

    def __init__(
        self, path: Path, start: int = 0, place: str = "", block_bytes: int = BLOCK_BYTES
    ) -> None:
        """Walk over it."""
        self._path, self._place = path, place
        self._spans: dict[str, Span] = {}
        self._twice: set[str] = set()
        with InputFile(path) as file:
            file.skip(start)
            walk = Walk(file, start, b"", block_bytes)
            if walk.peek() != b"{":
                raise VqaDataError(self._where, "no object", "an object", "Check --records.")
            self._survey(walk)
            fault = walk.fault or (None if place else walk.behind())
            self.fault: Break | None = damaged(file, fault)
            """Where it breaks off, if it does; for the document also what follows it."""
            self._damage = file.damage

    @property
    def keys(self) -> list[str]:
        """The keys in the order of the file."""
        return list(self._spans)

    @property
    def ranks(self) -> dict[str, int]:
        """What kind of list each member is; see :class:`Span`."""
        return {name: span.rank for name, span in self._spans.items()}

    def span(self, name: str) -> Span:
        """Where a member stands.

        Raises:
            VqaDataError: There is none, or several.
        """
        if name in self._twice:
            found = f"the key {name!r} stands there several times"
            raise VqaDataError(self._where, found, "different keys", "Rename one of them.")
        if name not in self._spans:
            found = f"keys: {shown(self.keys)}"
            raise VqaDataError(self._where, found, f"the key {name!r}", "Check --records.")
        return self._spans[name]

    def choose(self, keys: Sequence[str] = ()) -> str:
        """The key of the list of records.

        Args:
            keys: Keys that may hold it, in order of preference; if there are none, it is the only
                list of objects, or the only list.

        Raises:
            VqaDataError: There is no such list, or several.
        """
        ranks = self.ranks
        best = max(ranks.values(), default=0)
        lists = [name for name, rank in ranks.items() if rank and (keys or rank == best)]
        fitting = [key for key in keys if key in lists] if keys else lists
        if not keys and len(lists) > 1:
            raise VqaDataError(
                self._where, f"several lists: {shown(lists)}", "one list of records",
                "Name it with --records KEY.",
            )  # fmt: skip
        if not fitting:
            raise no_list(self._path, self.keys, keys, self._damage)
        return fitting[0]

    def read(self, name: str) -> Any:
        """The value of a member; ``None`` if there is none.

        Raises:
            VqaDataError: It is no JSON, or there are several.
        """
        if name not in self._spans:
            return None
        span = self.span(name)
        with InputFile(self._path) as file:
            file.skip(span.start)
            text = file.read(span.end - span.start)
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise VqaDataError(f"{self._where}: {name}", str(error), "valid JSON") from None

    @property
    def _where(self) -> str:
        return f"{self._path}: {self._place}" if self._place else str(self._path)

    def _survey(self, walk: Walk) -> None:
        for member in walk.members():
            walk.skip()
            if member.name in self._spans:
                self._twice.add(member.name)
            self._spans[member.name] = Span(member.start, walk.offset, member.rank)
            if len(self._spans) > MOST_MEMBERS:
                found = f"more than {MOST_MEMBERS} keys: {shown(self.keys)}"
                raise VqaDataError(self._where, found, "a list of records")


def no_list(
    path: Path, names: Iterable[str], keys: Sequence[str], damage: str | None = None
) -> VqaDataError:
    """What to raise for an object without a list of records.

    Args:
        path: The file.
        names: The keys that there are.
        keys: Those that may hold the list; any if there are none.
        damage: What is wrong with the packed file, whose rest may hold it.
    """
    if damage is not None:
        remedy = "Download it again."
        return VqaDataError(str(path), damage, "a whole file", remedy)
    found = f"top-level keys: {shown(sorted(names)) or 'nothing'}"
    expected = f"a list, or a key {' or '.join(keys) or 'with a list'}"
    remedy = "Check which file is which." if keys else "Name the list with --records PATH."
    return VqaDataError(str(path), found, expected, remedy)


def shown(names: Sequence[str]) -> str:
    """Names as an error says them; not all of them where they are many.

    >>> shown([str(n) for n in range(50)])
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, ... (50)'
    """
    more = f", ... ({len(names)})" if len(names) > SHOWN_KEYS else ""
    return ", ".join(names[:SHOWN_KEYS]) + more
