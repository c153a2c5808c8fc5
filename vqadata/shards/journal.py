"""The journal of a run that writes shards: what the next run need not write again.

While a folder is unfinished, ``journal/`` lies beside its shards: ``run.json`` says what the run is
(a digest of input, options and versions), and each finished shard has a file of its own, which
holds its entry of the manifest. Such a file is written atomically once the shard is on disk, and by
nobody else: so shards may be finished by several processes, in any order.

The next run makes all rows again and compares them with what is kept. So a shard is kept for the
bytes that it has, and not because it is believed to be the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from vqadata.groundwork.digests import bytes_digest
from vqadata.groundwork.output_folder import write_durably
from vqadata.shards.manifest import InputEntry, ShardEntry, StepEntry
from vqadata.shards.message import segment_lengths
from vqadata.shards.scan import scan_shard
from vqadata.shards.schema import picture_bytes

if TYPE_CHECKING:
    import pyarrow as pa

JOURNAL = "journal"
"""Subfolder of an unfinished folder."""

_RUN = "run.json"


def run_digest(steps: Sequence[StepEntry], inputs: Sequence[InputEntry] = ()) -> str:
    """What a run is: sha256 of its steps, with options, versions and parents, and of its input."""
    told = [[entry.model_dump(mode="json") for entry in part] for part in (steps, inputs)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def note_finished(folder: Path, entry: ShardEntry) -> None:
    """Write down a shard that is finished and on disk in ``folder`` under its name."""
    write_durably(folder / JOURNAL / f"{entry.file}.json", entry.model_dump_json() + "\n")


class Journal:
    """The finished shards of an unfinished folder.

    Args:
        folder: The folder in which shards are written; its journal need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        """Read what an earlier run wrote down; what cannot be read is not there."""
        self._shards, self._folder = folder, folder / JOURNAL
        self._kept = {entry.file: entry for entry in self._entries()}

    @property
    def run(self) -> str | None:
        """The digest of the run that wrote it; ``None`` if there is none."""
        path = self._folder / _RUN
        try:
            return str(json.loads(path.read_bytes())["run"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def files(self) -> list[str]:
        """Names of the finished shards."""
        return sorted(self._kept)

    def begin(self, run: str) -> None:
        """Write down which run it is, before its first shard is."""
        self._folder.mkdir(exist_ok=True)
        write_durably(self._folder / _RUN, json.dumps({"run": run}) + "\n")

    def add(self, entry: ShardEntry) -> None:
        """Write down a shard that is finished and on disk under its name."""
        self._kept[entry.file] = entry
        note_finished(self._shards, entry)

    def forget(self, file: str) -> None:
        """Remove a shard from the journal."""
        self._kept.pop(file, None)
        self._place(file).unlink(missing_ok=True)

    def discard(self, files: Iterable[str]) -> None:
        """Remove shards from the journal and from the folder."""
        for file in files:
            self.forget(file)
            (self._shards / file).unlink(missing_ok=True)

    def take_back(self, folder: Path) -> None:
        """Fetch shards that were moved to ``folder`` already when the run was ended."""
        for file in self.files:
            moved, place = folder / file, self._shards / file
            if moved.is_file() and not place.exists():
                moved.replace(place)

    def check(self) -> list[str]:
        """Compare all bytes of the shards with the journal; drop those that are not what it says.

        Returns:
            The names of the shards that are whole.
        """
        self.discard(
            [file for file in self.files if scan_shard(self._shards, self._kept[file], True)]
        )
        return self.files

    def kept(self, file: str, split: str) -> KeptShard | None:
        """The finished shard of that name and split, if there is one."""
        entry = self._kept.get(file)
        if entry is None or entry.split != split:
            return None
        return KeptShard(self._shards / file, entry)

    def _place(self, file: str) -> Path:
        return self._folder / f"{file}.json"

    def _entries(self) -> Iterator[ShardEntry]:
        for path in sorted(self._folder.glob("*.arrow.json")):
            try:
                entry = ShardEntry.model_validate_json(path.read_bytes())
            except (OSError, ValidationError):
                continue
            if self._place(entry.file) == path:
                yield entry


class KeptShard:
    """A shard that an earlier run has finished, while it is compared with the rows of this one."""

    def __init__(self, path: Path, entry: ShardEntry) -> None:
        """Have compared nothing yet."""
        self.entry, self.path = entry, path
        self.bytes = 0
        """Picture bytes of the batches that were met."""
        self._met = 0

    @property
    def is_whole(self) -> bool:
        """Whether all its batches were met."""
        return self._met == len(self.entry.batches)

    def meets(self, batch: pa.RecordBatch) -> bool:
        """Whether its next batch has the bytes that ``batch`` would have; then it is met."""
        if self.is_whole or not self._is_next(batch):
            return False
        self._met += 1
        self.bytes += picture_bytes(batch)
        return True

    def _is_next(self, batch: pa.RecordBatch) -> bool:
        known = self.entry.batches[self._met]
        text, pictures = segment_lengths(batch)
        if (text, text + pictures) != (known.text_length, known.length):
            return False
        message = memoryview(batch.serialize())
        found = bytes_digest(message[:text]), bytes_digest(message[text:])
        return found == (known.text_xxh3, known.pictures_xxh3)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The batches that were met."""
        import pyarrow as pa

        with pa.memory_map(str(self.path)) as source:
            file = pa.ipc.open_file(source)
            for number in range(self._met):
                yield file.get_batch(number)
