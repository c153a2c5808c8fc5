"""JSON lines: one record a line, empty lines skipped (https://jsonlines.org)."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from vqadata.reading.inputs import InputFile
from vqadata.reading.json_scan import Break, RawRecord, is_json
from vqadata.reading.record_stream import End, RecordStream


class JsonLines(RecordStream):
    """The records of a file of JSON lines.

    What stands behind the last line break is a record if it is JSON, else the file breaks off.
    """

    def _read(self, file: InputFile) -> Generator[RawRecord, None, End]:
        number = place = 0
        for text, is_open in line_blocks(file, self._block_bytes):
            for place, line in enumerate(text.split(b"\n"), place + 1):  # noqa: B020
                if not (raw := line.strip()):
                    continue
                if is_open and not is_json(raw):
                    offset = file.offset - len(text.lstrip())
                    return End(number, Break(offset, "the last line breaks off"))
                yield RawRecord(number, f"line {place}", raw)
                number += 1
        return End(number)


def line_blocks(file: InputFile, size: int) -> Iterator[tuple[bytes, bool]]:
    """Blocks of whole lines of a file, without the line break behind the last of each.

    Args:
        file: The file.
        size: Bytes to read at a time; a block is longer where a line is.

    Yields:
        The text of some lines, and whether it is what stands behind the last line break.
    """
    begun: list[bytes] = []
    while more := file.read(size):
        end = more.rfind(b"\n")
        if end >= 0:
            yield b"".join([*begun, more[:end]]), False
            begun = []
        begun.append(more[end + 1 :])
    yield b"".join(begun), True
