"""Writes the shards of a conversion: in this process as the rows come, or by workers from plans.

A plan is a file with the records of one shard and the places of its pictures, some hundred bytes a
question; a worker reads the pictures and writes the shard. The cut into batches and shards, which
rests on the sizes of the pictures, is made before, so the bytes are the same whoever reads them.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from vqadata.converting.assembly import assemble
from vqadata.converting.picture_batch import (
    ReadNow,
    Remark,
    Way,
    note,
    read_picture,
    remarks_on,
    stored_ahead,
)
from vqadata.engine.hiring import EngineOptions, hire
from vqadata.engine.order import in_order
from vqadata.engine.stage import Stage
from vqadata.errors import VqaDataError, readable
from vqadata.groundwork.digests import file_digest, text_key
from vqadata.groundwork.output_folder import sync_folder, write_durably
from vqadata.groundwork.progress import Progress
from vqadata.images.resolve import Found
from vqadata.record import record_schema
from vqadata.shards.journal import JOURNAL, Journal, note_finished
from vqadata.shards.manifest import ShardEntry
from vqadata.shards.schema import Picture, picture_rows
from vqadata.shards.writer import OpenShard, ShardNames, ShardWriter
from vqadata.steps import Source, Workspace

if TYPE_CHECKING:
    import pyarrow as pa

PLANS = "plans"
"""Subfolder of an unfinished folder: plans, and what workers have not finished."""

_PICTURES = b"pictures"


def write_alone(
    batches: Iterable[pa.RecordBatch], source: Source, work: Workspace, shard_bytes: int
) -> list[ShardEntry]:
    """Write the shards of some records in this process, a record batch in memory at a time.

    Args:
        batches: Canonical records.
        source: Says where pictures are.
        work: Ledger, and the folder to write in.
        shard_bytes: Picture bytes after which a shard is closed.
    """
    folder, reading = work.scratch, ReadNow(work.scratch)
    with ShardWriter(folder, shard_bytes, Journal(folder)) as writer:
        for split, rows in assemble(batches, source, work, reading):
            writer.write(split, rows)
            del rows  # a view of some thousand others
        reading.remarks.note(work.ledger)
        return writer.close()


def write_with(
    options: EngineOptions,
    batches: Iterable[pa.RecordBatch],
    source: Source,
    work: Workspace,
    shard_bytes: int,
) -> list[ShardEntry]:
    """Write the shards of some records by workers; see :func:`write_alone`.

    Raises:
        VqaDataError: A picture changed meanwhile, or workers died of one shard again and again.
    """
    folder = work.scratch.absolute()
    with (
        hire(ShardWriting(folder), options, is_much=True) as engine,
        Progress("pictures written", 0) as progress,
    ):
        engine.prepare()
        specs = _Planner(folder, shard_bytes).plans(assemble(batches, source, work, Planning()))
        receipts = []
        for _, receipt in in_order(specs, engine):
            progress.advance(receipt.entry.pictures)
            receipts.append(receipt)
    _note_remarks(receipts, folder, work)
    shutil.rmtree(folder / PLANS, ignore_errors=True)
    entries = sorted((receipt.entry for receipt in receipts), key=lambda entry: entry.file)
    journal = Journal(folder)
    journal.discard(set(journal.files) - {entry.file for entry in entries})
    return entries


class Wanted(NamedTuple):
    """A picture to read later."""

    name: str
    file: Found | None
    size: int
    changed: int
    """When the file was changed last, in nanoseconds, or what a store says of that: a plan of other
    files is another plan."""


class BatchPlan(NamedTuple):
    """A record batch to make later."""

    pictures: list[list[Wanted]]
    counts: list[int]
    records: pa.RecordBatch


class Planning(Way[Wanted, BatchPlan]):
    """Asks for the sizes of pictures alone; gives plans."""

    def expect(self, files: Iterable[Found | None]) -> None:
        """Nothing: they are read later."""

    def look(self, name: str, file: Found | None) -> tuple[Wanted, int]:
        """Ask for the size of a picture."""
        if file is None:
            return Wanted(name, None, 0, 0), 0
        if file.stored is not None:
            return Wanted(name, file, file.size, text_key(file.stored.version)), file.size
        with readable(file.file):
            state = file.file.stat()
        size = state.st_size if file.span is None else file.span[1]
        # A file that holds several pictures is one of ours, written anew in each run.
        return Wanted(name, file, size, 0 if file.span else state.st_mtime_ns), size

    def close(
        self, pictures: list[list[Wanted]], counts: list[int], records: pa.RecordBatch
    ) -> BatchPlan:
        """The plan."""
        return BatchPlan(pictures, counts, records)

    def bare(self, rows: pa.RecordBatch, records: pa.RecordBatch) -> BatchPlan:
        """A plan of pictures that are all missing."""
        names = rows.column("image_facts").flatten().field("path").to_pylist()
        counts = rows.column("questions").value_lengths().to_pylist()
        return BatchPlan([[Wanted(name, None, 0, 0)] for name in names], counts, records)


class ShardSpec(NamedTuple):
    """One shard to write."""

    file: str
    split: str
    plan: str
    """sha256 of the plan."""


class ShardReceipt(msgspec.Struct, frozen=True):
    """What became of a shard; it lies in the journal beside the shard's entry."""

    plan: str
    remarks: list[tuple[int, int, Remark]]
    """Number of the batch in the conversion and in the plan, and the remark."""
    shard: bytes
    """Its entry of the manifest, as JSON."""

    @property
    def entry(self) -> ShardEntry:
        """Its entry of the manifest."""
        return ShardEntry.model_validate_json(self.shard)


class ShardWriting(Stage[ShardSpec, ShardReceipt]):
    """Reads the pictures of a plan and writes its shard, unless that was done before.

    Args:
        folder: The unfinished folder.
    """

    def __init__(self, folder: Path) -> None:
        """Open nothing."""
        self._folder = folder

    def open(self) -> Callable[[ShardSpec], ShardReceipt]:
        """Nothing needs to be opened."""
        return self._work

    def name_of(self, spec: ShardSpec) -> str:
        """The name of the shard."""
        return spec.file

    def _work(self, spec: ShardSpec) -> ShardReceipt:
        return self._known(spec) or self._write(spec)

    def _receipt(self, spec: ShardSpec) -> Path:
        return self._folder / JOURNAL / f"{spec.file}.receipt.json"

    def _known(self, spec: ShardSpec) -> ShardReceipt | None:
        """The receipt of a shard that is there; the journal lists none whose bytes are others."""
        listed = self._folder / JOURNAL / f"{spec.file}.json"
        if not listed.exists() or not (self._folder / spec.file).exists():
            return None
        try:
            receipt = msgspec.json.decode(self._receipt(spec).read_bytes(), type=ShardReceipt)
        except (OSError, msgspec.MsgspecError):
            return None
        return receipt if receipt.plan == spec.plan else None

    def _write(self, spec: ShardSpec) -> ShardReceipt:
        # A worker that seems lost may still be writing: each has a place of its own.
        place = self._folder / PLANS / f"{spec.file}-{uuid.uuid4().hex}"
        place.mkdir()
        try:
            shard = OpenShard(place / spec.file, spec.split)
            remarks = [remark for each in _made(self._plan(spec), shard) for remark in each]
            entry = shard.finish()
            receipt = ShardReceipt(spec.plan, remarks, entry.model_dump_json().encode())
            write_durably(self._receipt(spec), msgspec.json.encode(receipt).decode())
            (place / spec.file).replace(self._folder / spec.file)
            sync_folder(self._folder)
            note_finished(self._folder, entry)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        return receipt

    def _plan(self, spec: ShardSpec) -> Path:
        return plan_path(self._folder, spec.file)


def plan_path(folder: Path, file: str) -> Path:
    """Where the plan of a shard lies."""
    return folder / PLANS / f"{file}.plan"


def _made(plan: Path, shard: OpenShard) -> Iterator[list[tuple[int, int, Remark]]]:
    """Make the batches of a plan; yield the remarks on each."""
    import pyarrow as pa

    with pa.OSFile(str(plan), "rb") as source:
        reader = pa.ipc.open_file(source)
        for place in range(reader.num_record_batches):
            records, metadata = reader.get_batch_with_custom_metadata(place)
            number, wanted, counts = msgspec.json.decode(
                metadata[_PICTURES],
                type=tuple[int, list[list[Wanted]], list[int]],
                dec_hook=lambda kind, text: kind(text),
            )
            coming = stored_ahead(each.file for row in wanted for each in row)
            pictures = [[_read(each, coming) for each in row] for row in wanted]
            shard.add(picture_rows(pictures, counts, records.to_struct_array()))
            yield [(number, place, remark) for remark in remarks_on(pictures, counts)]


def _read(wanted: Wanted, coming: Iterator[bytes]) -> Picture:
    is_stored = wanted.file is not None and wanted.file.stored is not None
    picture = read_picture(wanted.name, wanted.file, next(coming) if is_stored else None)
    if len(picture.data or b"") != wanted.size:
        raise VqaDataError(
            str(wanted.file.file if wanted.file else wanted.name),
            f"{len(picture.data or b''):,} bytes", f"{wanted.size:,}, as when it was found",
            "Run the same command again when nobody changes the pictures.",
        )  # fmt: skip
    return picture


class _Planner:
    """Writes the plans of shards; one is open for each split."""

    def __init__(self, folder: Path, shard_bytes: int) -> None:
        self._folder, self._shard_bytes = folder, shard_bytes
        self._names, self._open, self._number = ShardNames(), dict[str, _OpenPlan](), 0
        shutil.rmtree(folder / PLANS, ignore_errors=True)
        (folder / PLANS).mkdir()

    def plans(self, rows: Iterable[tuple[str, BatchPlan]]) -> Iterator[ShardSpec]:
        """Yield the shards as their plans are full."""
        for split, batch in rows:
            if batch.counts:
                if split not in self._open:
                    self._open[split] = _OpenPlan(self._folder, self._names.next(split), split)
                plan = self._open[split]
                plan.add(self._number, batch)
                self._number += 1
                del batch  # a view of some thousand others
                if plan.bytes >= self._shard_bytes:
                    yield self._open.pop(split).spec()
        for split in list(self._open):
            yield self._open.pop(split).spec()


class _OpenPlan:
    """One plan while it is written."""

    def __init__(self, folder: Path, file: str, split: str) -> None:
        import pyarrow as pa

        self.bytes = 0
        self._file, self._split = file, split
        self._path = plan_path(folder, file)
        self._writer = pa.ipc.new_file(str(self._path), record_schema())

    def add(self, number: int, batch: BatchPlan) -> None:
        told = msgspec.json.encode((number, batch.pictures, batch.counts), enc_hook=str)
        self._writer.write_batch(batch.records, custom_metadata={_PICTURES: told})
        self.bytes += sum(wanted.size for row in batch.pictures for wanted in row)

    def spec(self) -> ShardSpec:
        self._writer.close()
        return ShardSpec(self._file, self._split, file_digest(self._path))


def _note_remarks(receipts: list[ShardReceipt], folder: Path, work: Workspace) -> None:
    """Note the remarks of all shards in the order in which one process would have made them."""
    import pyarrow as pa

    files = [receipt.entry.file for receipt in receipts]
    told = [
        (number, place, file, remark)
        for file, receipt in zip(files, receipts, strict=True)
        for number, place, remark in receipt.remarks
    ]
    for _, place, file, remark in sorted(told):
        with pa.OSFile(str(plan_path(folder, file)), "rb") as source:
            records = pa.ipc.open_file(source).get_batch(place)
            note(remark, records.slice(remark.first, remark.questions), work.ledger)
