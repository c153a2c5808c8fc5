"""The pass over pictures: each distinct one is read once, decoded once, and looked at by all.

Chunks are worked off in any order and taken in their own, so that the outcome knows nothing of how
many workers there were. What the cache knows is not looked at again.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from vqadata.chunks import Chunk, ChunkCutter
from vqadata.crew import Crew, Desk, Done, Receipts, Task, WorkerKind, hire, worker_count
from vqadata.picture_cache import PictureCache, default_folder
from vqadata.progress import Progress
from vqadata.shards.reader import Shards
from vqadata.steps import Cleaner, Tally
from vqadata.survey import Examined, Survey

if TYPE_CHECKING:
    import pyarrow as pa

SCRATCH = "examined.arrow"
"""The survey's table while a run lasts; mapped, so that it does not fill the memory."""

ROWS = 4096
"""Pictures that are written to it at a time."""

log = logging.getLogger(__name__)


class ExaminationOptions(BaseModel):
    """How pictures are examined; nothing of it shows in the output."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workers: int | None = Field(
        None,
        ge=0,
        description="Workers that examine pictures; 0 for none beside the program itself. By "
        "default one a processor where there are some thousand pictures, else 0.",
    )
    worker_kind: WorkerKind = Field("processes", description="What a worker is.")
    cache: Path | None = Field(
        None,
        description="Folder that remembers what was found in a picture, so that no picture is "
        "decoded twice. By default in the user's folder of caches.",
        json_schema_extra={"metavar": "DIR"},
    )
    no_cache: bool = Field(False, description="Remember nothing and use nothing remembered.")


class _Job(NamedTuple):
    """A chunk on its way."""

    chunk: Chunk
    pictures: pa.RecordBatch
    """What the shards say of its pictures."""
    known: Receipts
    """What the cache has."""
    started: Future[Done] | None
    """The rest; ``None`` if there is none."""

    def done(self) -> Done:
        if self.started is None:
            return Done(self.known, 0)
        rest = self.started.result()
        return Done([a or b for a, b in zip(self.known, rest.receipts, strict=True)], rest.anew)


def examine(
    shards: Shards, cleaners: Sequence[Cleaner], options: ExaminationOptions, output: Path
) -> Survey:
    """Have every distinct picture examined by all cleaners that look at pictures.

    Args:
        shards: The data set.
        cleaners: The cleaners, in working order.
        options: How.
        output: The output folder; the survey's table is kept there until :func:`put_away`.

    Raises:
        ShardError: A shard is damaged.
        VqaDataError: A worker process died.
    """
    lookers = [c for c in cleaners if c.columns() or c.tally() is not None]
    cache = PictureCache(None if options.no_cache else options.cache or default_folder())
    workers = worker_count(options.workers, shards.manifest.pictures)
    looked = Examined(0, 0)
    with (
        hire(Desk(shards, lookers, cache), options.worker_kind, workers) as crew,
        _Table(output / SCRATCH, lookers) as table,
        Progress("pictures examined", shards.manifest.pictures) as progress,
    ):
        try:
            for job in _in_order(_jobs(shards, lookers, cache, crew), crew.ahead):
                done, count = job.done(), len(job.chunk.mentions)
                table.add(job, done.receipts)
                looked = Examined(looked.anew + done.anew, looked.known + count - done.anew)
                progress.advance(count)
        except KeyboardInterrupt:
            if cache.folder is not None:
                log.warning("%s pictures are examined; the same command goes on from there",
                            f"{sum(looked):,}")  # fmt: skip
            raise
    if lookers:
        log.info("%s distinct pictures: %s examined, %s known from an earlier run",
                 *(f"{n:,}" for n in (sum(looked), *looked)))  # fmt: skip
    pictures, batch_of = table.read()
    return Survey(shards, pictures, batch_of, table.tallies, looked, output)


def put_away(output: Path) -> None:
    """Remove what :func:`examine` keeps while the survey is in use."""
    (output / SCRATCH).unlink(missing_ok=True)


def _jobs(
    shards: Shards, lookers: Sequence[Cleaner], cache: PictureCache, crew: Crew
) -> Iterator[_Job]:
    cutter = ChunkCutter()
    for number, (split, batch) in enumerate(shards.split_batches()):
        for chunk in cutter.cut(number, split, batch):
            known: Receipts = [cache.find(cleaner, chunk.key) for cleaner in lookers]
            wanted = tuple(n for n, receipt in enumerate(known) if receipt is None)
            started = crew.start(Task(chunk, wanted)) if wanted else None
            yield _Job(chunk, _pictures(chunk, split, batch), known, started)


def _in_order(jobs: Iterator[_Job], ahead: int) -> Iterator[_Job]:
    """Yield jobs in their order, with no more than ``ahead`` of them unfinished behind."""
    waiting: deque[_Job] = deque()
    for job in jobs:
        waiting.append(job)
        if len(waiting) > ahead:
            yield waiting.popleft()
    yield from waiting


def _pictures(chunk: Chunk, split: str, batch: pa.RecordBatch) -> pa.RecordBatch:
    """What the shards say of the pictures of a chunk, a row a picture."""
    import pyarrow as pa

    places = [m.place for m in chunk.mentions]
    facts = batch.column("image_facts").flatten().take(pa.array(places, pa.int64()))
    columns: dict[str, Any] = {
        "digest": facts.field("digest"),
        "path": pa.array([m.path for m in chunk.mentions], pa.string()),
        "split": pa.repeat(pa.scalar(split), len(places)),
        "group": pa.array([m.group for m in chunk.mentions], pa.string()),
    }
    columns |= {n: facts.field(n) for n in ("bytes", "width", "height", "format", "mode")}
    return pa.RecordBatch.from_pydict(columns)


class _Table:
    """Gathers the receipts of all chunks, in their order, into one file and one tally a cleaner."""

    def __init__(self, path: Path, lookers: Sequence[Cleaner]) -> None:
        import pyarrow as pa

        self.tallies: dict[str, Tally] = {}
        self._path, self._lookers = path, lookers
        self._waiting: list[pa.RecordBatch] = []
        self._batch_of: list[int] = []
        empty = _pictures(Chunk(0, ()), "", _no_rows())
        columns = dict(zip(empty.schema.names, empty.schema.types, strict=True))
        self._fresh: list[list[int]] = []
        for cleaner in lookers:
            own = cleaner.columns()
            if twice := [n for n, kind in own.items() if columns.get(n, kind) != kind]:
                raise TypeError(f"two cleaners have a column {twice[0]} of another type")
            # What two cleaners ask for alike is kept once.
            self._fresh.append([n for n, name in enumerate(own, 1) if name not in columns])
            columns |= own
        self._schema = pa.schema(list(columns.items()))
        for cleaner in lookers:
            if (tally := cleaner.tally()) is not None:
                self.tallies[cleaner.step_name()] = tally
        self._writer = pa.ipc.new_file(str(path), self._schema)

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def add(self, job: _Job, receipts: Receipts) -> None:
        import pyarrow as pa

        columns = list(job.pictures.columns)
        given = zip(self._lookers, receipts, self._fresh, strict=True)
        for cleaner, receipt, fresh in given:
            if receipt is None:
                raise TypeError(f"{cleaner.step_name()} left no receipt")
            columns += [receipt.facts.column(place) for place in fresh]
            if receipt.tally is not None:
                tally = self.tallies[cleaner.step_name()]
                tally.merge(tally.from_bytes(receipt.tally))
        self._waiting.append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        self._batch_of += [job.chunk.batch] * job.pictures.num_rows
        if sum(batch.num_rows for batch in self._waiting) >= ROWS:
            self._flush()

    def read(self) -> tuple[pa.Table, list[int]]:
        """The table, mapped, and the number of the batch of each picture."""
        import pyarrow as pa

        return pa.ipc.open_file(pa.memory_map(str(self._path))).read_all(), self._batch_of

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            table = pa.Table.from_batches(self._waiting).combine_chunks()
            self._writer.write_table(table)
            self._waiting = []


def _no_rows() -> pa.RecordBatch:
    import pyarrow as pa

    from vqadata.shards.schema import shard_schema

    return pa.RecordBatch.from_pylist([], schema=shard_schema())
