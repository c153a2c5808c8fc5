"""Who examines pictures: this process, several processes, or several threads. No other is needed.

A worker gets the name of a chunk and reads the pictures from the mapped shards itself; picture
bytes never travel. It leaves its receipts in the cache before it answers, so that work which is
done stays done, whatever becomes of the run.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vqadata.chunks import Chunk, views
from vqadata.errors import VqaDataError
from vqadata.images.header import BadPicture
from vqadata.picture_cache import PictureCache, Receipt
from vqadata.shards.reader import Shards, open_shards
from vqadata.steps import Cleaner

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.images.view import View

WorkerKind = Literal["processes", "threads"]

Receipts = list[Receipt | None]
"""Those of one chunk, by cleaner; ``None`` where none was asked for."""


class Done(NamedTuple):
    """What became of a task."""

    receipts: Receipts
    anew: int
    """Pictures that were looked at; of the others all was known from other chunks."""


ALONE = 2_000
"""Pictures up to which more processes take longer to start than they save."""

AHEAD = 4
"""Chunks that are handed out in advance for each worker."""

log = logging.getLogger(__name__)


class Task(NamedTuple):
    """One chunk for a worker."""

    chunk: Chunk
    wanted: tuple[int, ...]
    """Numbers of the cleaners that are to look at it."""


class Desk:
    """A place to work at: the data, the cleaners, the cache.

    Args:
        shards: The data set.
        cleaners: All that look at pictures.
        cache: Where receipts are kept.
    """

    def __init__(self, shards: Shards, cleaners: Sequence[Cleaner], cache: PictureCache) -> None:
        """Open nothing yet."""
        self.shards, self.cleaners, self.cache = shards, cleaners, cache

    def work(self, task: Task) -> Done:
        """Examine the pictures of a chunk, each read and decoded once; keep the receipts."""
        batch = self.shards.batch(task.chunk.batch)
        chosen = [self.cleaners[number] for number in task.wanted]
        found: Receipts = [None] * len(self.cleaners)
        digests, anew = [mention.digest for mention in task.chunk.mentions], 0
        sheets = [_Sheet(cleaner, self.cache.recall(cleaner, digests)) for cleaner in chosen]
        for mention, view in zip(
            task.chunk.mentions, views(batch, task.chunk.mentions), strict=True
        ):
            looked = [sheet.look(view, mention.group) for sheet in sheets]
            anew += any(looked)
        for number, cleaner, sheet in zip(task.wanted, chosen, sheets, strict=True):
            found[number] = sheet.receipt()
            self.cache.keep(cleaner, task.chunk.key, sheet.receipt())
        return Done(found, anew)


class _Sheet:
    """What one cleaner writes down of the pictures of a chunk, beside what it is known to say."""

    def __init__(self, cleaner: Cleaner, known: dict[str, dict[str, Any]]) -> None:
        self._cleaner, self._kinds, self._tally = cleaner, cleaner.columns(), cleaner.tally()
        self._known = known
        self._rows: list[dict[str, object]] = []

    def look(self, view: View, group: str) -> bool:
        """Write down one picture; say whether it had to be looked at."""
        known = self._known.get(view.digest)
        self._rows.append(known or {"digest": view.digest, **self._said(view)})
        if self._tally is not None:
            try:
                self._tally.add(view, group)
            except BadPicture as bad:
                log.debug("%s is in no tally: %s", view.digest, bad)
        return known is None or self._tally is not None

    def _said(self, view: View) -> dict[str, Any]:
        try:
            return self._cleaner.examine(view) if self._kinds else {}
        except BadPicture:
            return {}

    def receipt(self) -> Receipt:
        tally = None if self._tally is None else self._tally.to_bytes()
        return Receipt(_batch(self._rows, self._kinds), tally)


def _batch(rows: list[dict[str, object]], kinds: dict[str, pa.DataType]) -> pa.RecordBatch:
    import pyarrow as pa

    schema = pa.schema([("digest", pa.string()), *kinds.items()])
    return pa.RecordBatch.from_pylist(rows, schema=schema)


class Crew:
    """Works tasks off; see :func:`hire`."""

    def __init__(self, desk: Desk, executor: Executor | None, count: int) -> None:
        """Hire through :func:`hire`."""
        self.ahead = AHEAD * count
        """Tasks that may be handed out before the first is asked for."""
        self._desk, self._executor = desk, executor

    def start(self, task: Task) -> Future[Done]:
        """Hand a task out."""
        if self._executor is None:
            done: Future[Done] = Future()
            done.set_result(self._desk.work(task))
            return done
        if isinstance(self._executor, ProcessPoolExecutor):
            return self._executor.submit(_work, task)
        return self._executor.submit(self._desk.work, task)


@contextmanager
def hire(desk: Desk, kind: WorkerKind, count: int) -> Iterator[Crew]:
    """A crew for as long as the context lasts.

    Args:
        desk: What it works with.
        kind: Processes or threads.
        count: How many; 0 for none but this process.

    Raises:
        VqaDataError: A process died, of a picture or of too little memory.
    """
    if not count:
        yield Crew(desk, None, 0)
        return
    executor = _processes(desk, count) if kind == "processes" else ThreadPoolExecutor(count)
    try:
        yield Crew(desk, executor, count)
    except BrokenProcessPool:
        raise VqaDataError(
            "--workers", "a worker process died", "processes that live",
            "Run the same command again with --workers 0: what was examined is kept, and the "
            "picture that kills the process is found. A script that calls clean() with workers "
            'needs `if __name__ == "__main__":`.',
        ) from None  # fmt: skip
    finally:
        executor.shutdown(cancel_futures=True)


def worker_count(asked: int | None, pictures: int) -> int:
    """How many workers to take for a number of pictures, where nothing was asked for."""
    if asked is not None:
        return asked
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return processors if pictures > ALONE and processors > 1 else 0


def _processes(desk: Desk, count: int) -> Executor:
    import multiprocessing

    given = (desk.shards.folder, list(desk.cleaners), desk.cache.folder)
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _sit_down, given)


_desks: list[Desk] = []
"""The desk of a worker process."""


def _sit_down(folder: Path, cleaners: Iterable[Cleaner], cache: Path | None) -> None:
    """Begin to be a worker process: leave interrupts to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _desks.append(Desk(open_shards(folder), list(cleaners), PictureCache(cache)))


def _end_with_parent() -> None:
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(task: Task) -> Done:
    return _desks[0].work(task)
