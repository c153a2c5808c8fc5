"""A file that says more about the pictures of questions: texts found in them, sizes, addresses.

None of its records becomes a row, and one may serve many questions. So it has no account of rows:
the manifest lists it with its digest, and the ledger remarks on each of its records that was not
used, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqadata.layouts.table import read_table
from vqadata.layouts.typed import BadRecord
from vqadata.ledger import Ledger, Rejection
from vqadata.record import Origin

NO_ID = "record-without-id"
REPEATED = "repeated-record"
UNUSED = "record-without-question"


class SideFiles:
    """Such files of one kind, looked up in order.

    Args:
        paths: The files, each with its name in the ledger.
        names: Fields that may hold the id, in order of preference.
        keep_whole: Accept truncated files.

    Raises:
        VqaDataError: A file cannot be read.
    """

    def __init__(
        self, paths: Mapping[Path, str], names: Sequence[str], keep_whole: bool = False
    ) -> None:
        """Read the ids."""
        self._files = {name: SideFile(path, names, keep_whole) for path, name in paths.items()}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._files)

    def find(self, identity: str) -> dict[str, Any] | None:
        """The members of the first record with that id, without the id; ``None`` if none has."""
        found = (file.find(identity) for file in self._files.values())
        return next((members for members in found if members is not None), None)

    def remark(self, ledger: Ledger, source: str) -> None:
        """Note each record that was not used by ``source``."""
        for name, file in self._files.items():
            file.remark(ledger, source, name)


class SideFile:
    """The records of one file by the id that they share with questions.

    Args:
        path: The file, in any format that :func:`~vqadata.layouts.table.read_table` reads.
        names: Fields that may hold the id, in order of preference.
        keep_whole: Accept a truncated file.

    Raises:
        VqaDataError: The file cannot be read.
    """

    def __init__(self, path: Path, names: Sequence[str], keep_whole: bool = False) -> None:
        """Read the ids; the records stay as text until they are asked for."""
        self._table = read_table(path, None, keep_whole)
        self._names = names
        self._records: dict[str, int] = {}
        self._raw = list(self._table)
        self._used: set[int] = set()
        self._faults = dict(self._read())

    def find(self, identity: str) -> dict[str, Any] | None:
        """The members of the record with that id, without the id itself; ``None`` if none has."""
        number = self._records.get(identity)
        if number is None:
            return None
        self._used.add(number)
        members = self._table.decode(self._raw[number])
        return {name: value for name, value in members.items() if name not in self._names}

    def remark(self, ledger: Ledger, source: str, name: str) -> None:
        """Note each record that was not used.

        Args:
            ledger: Takes the remarks, which change no account.
            source: Name of the source.
            name: Name of the file in the ledger.
        """
        for record in self._raw:
            if record.number not in self._used:
                expected = f"a question with that {self._names[0]}"
                unused = Rejection(UNUSED, record.path, "no question", expected)
                why = self._faults.get(record.number, unused)
                origin = Origin(source=source, file=name, index=record.number)
                ledger.note("flagged", why, origin, raw=record.raw)
        if self._table.broken is not None:
            end = Origin(source=source, file=name, index=len(self._raw))
            ledger.note_break(end, *self._table.broken)

    def _read(self) -> Iterator[tuple[int, Rejection]]:
        """Gather the ids, and what is wrong with records that cannot be used."""
        for record in self._raw:
            try:
                members = self._table.decode(record)
            except BadRecord as bad:
                yield record.number, bad.why
                continue
            known = (members.get(name) for name in self._names)
            identity = next((str(key) for key in known if isinstance(key, str | int)), None)
            if identity is None:
                yield record.number, Rejection(NO_ID, record.path, "no id", self._names[0])
            elif identity in self._records:
                found = f"{identity}, as record {self._records[identity]}"
                yield record.number, Rejection(REPEATED, record.path, found, "a new id")
            else:
                self._records[identity] = record.number
