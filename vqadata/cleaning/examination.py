"""The pass over pictures: each distinct one is read once, decoded once, and looked at by all.

Chunks are worked off in any order and taken in their own, so that the outcome knows nothing of how
many workers there were. What the cache knows is not looked at again.
"""

from __future__ import annotations

import logging
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from vqadata.cleaning.chunks import Chunk, ChunkCutter, Mention
from vqadata.cleaning.picture_cache import PictureCache, default_folder
from vqadata.cleaning.picture_pass import Done, PicturePass, Receipts, Task, piecemeal
from vqadata.cleaning.survey import Examined, Survey
from vqadata.engine.hiring import EngineOptions, hire
from vqadata.engine.stage import TRIES, Engine, LostWorkError
from vqadata.errors import VqaDataError
from vqadata.groundwork.paged import MappedTable
from vqadata.groundwork.progress import Progress
from vqadata.shards.reader import TEXT, Shards
from vqadata.steps import Cleaner, Tally
from vqadata.stores.file_system import is_url

if TYPE_CHECKING:
    import pyarrow as pa

SCRATCH = "examined.arrow"
"""The survey's table while a run lasts; mapped, so that it does not fill the memory."""

ALONE = 2_000
"""Pictures up to which more processes take longer to start than they save."""

SHOWN = 5
"""Deadly pictures that are named."""

ROWS = 4096
"""Pictures that are written to it at a time."""

log = logging.getLogger(__name__)


class ExaminationOptions(EngineOptions):
    """How pictures are examined; nothing of it shows in the output."""

    cache: Path | None = Field(
        None,
        description="Folder that remembers what was found in a picture, so that no picture is "
        "decoded twice. By default in the user's folder of caches.",
        json_schema_extra={"metavar": "DIR"},
    )
    deadly_pictures: Literal["stop", "drop"] = Field(
        "stop",
        description="What to do when a picture kills each worker that examines it: stop, with its "
        "name, when all others are examined; or drop it as deadly.",
    )
    no_cache: bool = Field(False, description="Remember nothing and use nothing remembered.")


class _Job(NamedTuple):
    """A chunk on its way."""

    task: Task
    """What is left to do; it wants no cleaner if all is known."""
    pictures: pa.RecordBatch
    """What the shards say of its pictures."""
    known: Receipts
    """What the cache has."""
    started: Future[Done] | None
    """The rest; ``None`` if there is none."""


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
        VqaDataError: A picture kills the processes that examine it, or there is no cluster.
    """
    lookers = [c for c in cleaners if c.columns() or c.tally() is not None]
    cache = PictureCache(None if options.no_cache else options.cache or default_folder())
    stage = PicturePass(shards.where, lookers, cache.folder)
    with (
        hire(stage, options, shards.manifest.pictures > ALONE) as engine,
        _Table(output / SCRATCH, lookers) as table,
        Progress("pictures examined", shards.manifest.pictures) as progress,
    ):
        passing = _Pass(engine, lookers, table, progress)
        jobs = _jobs(shards, lookers, cache, engine, output)
        with going_on(lambda: passing.looked, cache.folder):
            for job in _in_order(jobs, engine):
                passing.take(job)
    if passing.deadly and options.deadly_pictures == "stop":
        raise _deadly(passing.deadly)
    if lookers:
        log.info("%s distinct pictures: %s examined, %s known from an earlier run",
                 *(f"{n:,}" for n in (sum(passing.looked), *passing.looked)))  # fmt: skip
    found = MappedTable(output / SCRATCH)
    return Survey(
        shards, found, table.batch_of, table.tallies, passing.looked, output, cache.folder
    )


class _Pass:
    """Takes in what comes back, chunk by chunk in order."""

    def __init__(
        self,
        engine: Engine[Task, Done],
        lookers: Sequence[Cleaner],
        table: _Table,
        progress: Progress,
    ) -> None:
        self.looked = Examined(0, 0)
        self.deadly: list[Mention] = []
        self._engine, self._lookers = engine, lookers
        self._table, self._progress = table, progress

    def take(self, job: _Job) -> None:
        rest, count = self._rest(job), len(job.task.chunk.mentions)
        receipts = [a or b for a, b in zip(job.known, rest.receipts, strict=True)]
        self._table.add(job, receipts)
        self.looked = Examined(self.looked.anew + rest.anew, self.looked.known + count - rest.anew)
        self._progress.advance(count, _faults(receipts))

    def _rest(self, job: _Job) -> Done:
        if job.started is None:
            return Done([None] * len(job.known), 0)
        try:
            return job.started.result()
        except LostWorkError:
            found = piecemeal(job.task, self._lookers, self._engine.start)
            self.deadly += found.pictures
            return found.done


@contextmanager
def going_on(looked: Callable[[], Examined], remembered: Path | None) -> Iterator[None]:
    """Say after an interrupt what need not be looked at again.

    Args:
        looked: How many pictures were looked at so far.
        remembered: Where that is kept; ``None``: nowhere.
    """
    try:
        yield
    except KeyboardInterrupt:
        if remembered is not None:
            log.warning("%s pictures are examined; the same command goes on from there",
                        f"{sum(looked()):,}")  # fmt: skip
        raise


def _faults(receipts: Receipts) -> Counter[str]:
    """How many pictures cannot be used, by reason."""
    columns = [r.facts.column("fault") for r in receipts if r and "fault" in r.facts.schema.names]
    return Counter(fault for column in columns for fault in column.drop_null().to_pylist())


def _deadly(pictures: Sequence[Mention]) -> VqaDataError:
    names = ", ".join(mention.path for mention in pictures[:SHOWN])
    more = f" and {len(pictures) - SHOWN:,} more" if len(pictures) > SHOWN else ""
    return VqaDataError(
        names + more, f"{TRIES} worker processes died of it, one after the other",
        "a picture that can be decoded in the memory that there is",
        "All others are examined and kept. Run the same command again with "
        "--deadly-pictures drop, or with more memory.",
    )  # fmt: skip


def put_away(output: Path) -> None:
    """Remove what :func:`examine` keeps while the survey is in use."""
    (output / SCRATCH).unlink(missing_ok=True)


def _jobs(
    shards: Shards,
    lookers: Sequence[Cleaner],
    cache: PictureCache,
    engine: Engine[Task, Done],
    scratch: Path,
) -> Iterator[_Job]:
    cutter = ChunkCutter(scratch)
    # Who looks at pictures reads them; but what is fetched from afar is fetched once.
    columns = None if is_url(shards.where) else TEXT
    for number, (split, batch) in enumerate(shards.split_batches(columns)):
        for chunk in cutter.cut(number, split, batch):
            known: Receipts = [cache.find(cleaner, chunk.key) for cleaner in lookers]
            wanted = tuple(n for n, receipt in enumerate(known) if receipt is None)
            task = Task(chunk, wanted)
            started = engine.start(task) if wanted else None
            yield _Job(task, _pictures(chunk, split, batch), known, started)


def _in_order(jobs: Iterator[_Job], engine: Engine[Task, Done]) -> Iterator[_Job]:
    """Yield jobs in their order, with no more unfinished behind than the engine may have."""
    waiting: deque[_Job] = deque()
    for job in jobs:
        waiting.append(job)
        if len(waiting) > engine.ahead:
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
        self.batch_of = array("i")
        """The number of the batch of each picture."""
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
        self.batch_of.extend([job.task.chunk.batch] * job.pictures.num_rows)
        if sum(batch.num_rows for batch in self._waiting) >= ROWS:
            self._flush()

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
