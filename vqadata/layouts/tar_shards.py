"""WebDataset shards: tar files in which successive members of one key are one sample.

Format: https://huggingface.co/docs/hub/datasets-webdataset and
https://github.com/webdataset/webdataset. The key of a member ends at the first dot of its name.
Keys are numbers, of the piece of the export and of the sample in it, so they hold no dot and no two
are equal, in whatever shard they stand.
"""

from __future__ import annotations

import io
import json
import struct
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from vqadata.exporting.outbox import NO_PICTURE, Outbox, Part
from vqadata.exporting.rows import PictureRow, StoredPicture, picture_rows
from vqadata.record import Record
from vqadata.shards.manifest import BatchEntry
from vqadata.shards.reader import Shards

PIECE_DIGITS, SAMPLE_DIGITS = 5, 7


TAR = "{split}-{number:06d}.tar"
"""What a file is called."""


class TarShards:
    """Files ``<split>-000000.tar``; the same samples give the same bytes.

    Args:
        outbox: Says where, and what the splits are called.
        shard_mb: Megabytes after which a file is closed.
        indexed: Write ``<split>-000000.tar.idx`` beside each: where its samples begin, and where
            the last one ends, as unsigned 64-bit integers (Megatron-Energon reads it).
    """

    def __init__(self, outbox: Outbox, shard_mb: int, indexed: bool = False) -> None:
        """Open nothing yet."""
        self._outbox, self._limit, self._indexed = outbox, shard_mb << 20, indexed
        self._open: dict[str, _TarFile] = {}
        self._files = self._samples = 0

    def add(
        self, split: str, pictures: Sequence[StoredPicture], document: Mapping[str, Any]
    ) -> None:
        """Write a sample: one picture as ``KEY.jpg``, several as ``KEY.0.jpg``, and ``KEY.json``.

        Args:
            split: Its split in the shards.
            pictures: Pictures, all of which are there.
            document: The JSON.
        """
        key = f"{self._outbox.number:0{PIECE_DIGITS}d}{self._samples:0{SAMPLE_DIGITS}d}"
        self._samples += 1
        if split not in self._open:
            path = self._outbox.folder / f"{self._files:06d}.tar"
            self._open[split] = _TarFile(path, self._indexed)
            self._files += 1
        names = [f"{number}." * (len(pictures) > 1) + p.extension
                 for number, p in enumerate(pictures)]  # fmt: skip
        members = {name: bytes(p.data or b"") for name, p in zip(names, pictures, strict=True)}
        members["json"] = json.dumps(document, ensure_ascii=False).encode()
        if self._open[split].add(key, members) >= self._limit:
            self._close(split)

    def finish(self) -> None:
        """Close the files."""
        for split in list(self._open):
            self._close(split)

    def _close(self, split: str) -> None:
        path, samples = self._open.pop(split).close()
        name = self._outbox.names[split]
        self._outbox.add_part(Part(TAR, name, path.name, samples))
        if self._indexed:
            self._outbox.add_part(Part(f"{TAR}.idx", name, f"{path.name}.idx"))


def repeated_size(batch: BatchEntry) -> int:
    """How large a batch is where each question has its picture again, about."""
    return batch.length * max(batch.questions, batch.pictures) // batch.pictures


class _TarFile:
    def __init__(self, path: Path, indexed: bool) -> None:
        self._path, self._samples = path, 0
        self._file: BinaryIO = path.open("wb")
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)
        self._index = path.with_suffix(".tar.idx").open("wb") if indexed else None

    def add(self, key: str, members: Mapping[str, bytes]) -> int:
        """Write a sample; return the size of the file."""
        self._mark()
        for name, data in members.items():
            member = tarfile.TarInfo(f"{key}.{name}")
            member.size = len(data)
            self._tar.addfile(member, io.BytesIO(data))
        self._samples += 1
        return self._file.tell()

    def close(self) -> tuple[Path, int]:
        self._mark()
        if self._index is not None:
            self._index.close()
        self._tar.close()
        self._file.close()
        return self._path, self._samples

    def _mark(self) -> None:
        if self._index is not None:
            self._index.write(struct.pack("<Q", self._file.tell()))


def shown_rows(shards: Shards, outbox: Outbox) -> Iterator[PictureRow]:
    """Yield the rows whose pictures can all be shown; note the others as left out."""
    for row in picture_rows(shards, list(Record.model_fields)):
        if fault := row.fault or (None if row.pictures else NO_PICTURE):
            outbox.leave_out(fault, row.questions)
        else:
            yield row


def document_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the JSON of a sample says of a question: what a loader asks for, then the record."""
    answers = [answer["answer"] for answer in record["answers"]]
    return {
        "question_id": record["question_id"],
        "question": record["text"],
        "answer": record["answer"],
        "answers": answers or ([] if record["answer"] is None else [record["answer"]]),
        "record": record,
    }
