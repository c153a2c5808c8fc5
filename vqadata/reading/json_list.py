"""The records of a JSON document that holds them in a list, block by block."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from vqadata.errors import VqaDataError
from vqadata.reading.inputs import InputFile
from vqadata.reading.json_cutter import Cutter
from vqadata.reading.json_document import JsonObject
from vqadata.reading.json_scan import Break, RawRecord
from vqadata.reading.json_walk import Walk
from vqadata.reading.record_stream import BLOCK_BYTES, End, RecordStream


class JsonList(RecordStream):
    """The records of a list in a JSON document.

    Args:
        path: The file.
        keys: Top-level keys that may hold the list, in order of preference; with no keys it is the
            only list of objects. A document that is a list itself is always accepted.
        steps: Instead of ``keys``: the keys that lead to the list, one below the other.
        keep_whole: Accept a truncated file: give the whole records before the break.
        block_bytes: Bytes to read before a block is cut.

    Raises:
        VqaDataError: The file cannot be read, or holds no such list.
    """

    def __init__(
        self,
        path: Path,
        keys: Sequence[str] = (),
        steps: Sequence[str] = (),
        keep_whole: bool = False,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """Find the list."""
        super().__init__(path, keep_whole, block_bytes)
        self._document: JsonObject | None = None
        self._header: dict[str, Any] = {}
        self._key = ""
        with InputFile(path) as file:
            walk = Walk(file)
            is_list, self._start = walk.peek() == b"[", walk.offset
        if steps or not is_list:
            self._document = JsonObject(path, block_bytes=block_bytes)
            self._find(self._document, keys, steps)

    def header(self, name: str) -> Any:
        """A top-level value that stands before or behind the list; ``None`` if there is none."""
        if self._document is None or name == self._key:
            return None
        if name not in self._header:
            self._header[name] = self._document.read(name)
        return self._header[name]

    def _find(self, holder: JsonObject, keys: Sequence[str], steps: Sequence[str]) -> None:
        for depth, step in enumerate(steps[:-1], 1):
            start, place = holder.span(step).start, ".".join(steps[:depth])
            holder = JsonObject(self.path, start, place, self._block_bytes)
        key = steps[-1] if steps else holder.choose(keys)
        span = holder.span(key)
        self._key, self._start = ".".join(steps) or key, span.start
        if not span.rank:
            where = f"{self.path}: {self._key}"
            raise VqaDataError(where, "not a list", "a list of records", "Check --records.")

    def _read(self, file: InputFile) -> Generator[RawRecord, None, End]:
        file.skip(self._start + 1)
        cutter = Cutter(file, self._block_bytes, self._start + 1, self._document is not None)
        count, key = 0, self._key
        for records in cutter.blocks():
            for number, raw in enumerate(records[:], count):
                yield RawRecord(number, f"{key}[{number}]", raw)
            count += len(records)
        return End(count, cutter.broken or self._fault(Walk(file, cutter.offset, cutter.rest)))

    def _fault(self, tail: Walk) -> Break | None:
        """What is wrong with the document outside the list."""
        return tail.behind() if self._document is None else self._document.fault
