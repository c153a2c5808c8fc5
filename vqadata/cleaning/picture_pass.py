"""The stage that examines pictures: a chunk in, one receipt a cleaner out.

A worker gets the name of a chunk and reads the pictures from the mapped shards itself; picture
bytes never travel. It leaves its receipts in the cache before it answers, so that work which is
done stays done, whatever becomes of the worker or of the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.cleaning.chunks import Chunk, Mention, views
from vqadata.cleaning.picture_cache import PictureCache, Receipt
from vqadata.engine.stage import LostWorkError, Stage
from vqadata.errors import VqaDataError
from vqadata.images.header import BadPicture
from vqadata.shards.reader import Shards, open_shards
from vqadata.steps import Cleaner
from vqadata.stores.file_system import is_url

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.images.view import View

Receipts = list[Receipt | None]
"""Those of one chunk, by cleaner; ``None`` where none was asked for."""

ALL_DIE = 2
"""Pictures of a chunk that kill their workers before any other is examined: it is not they."""

DECODING = ("pyarrow.compute", "PIL.Image", "PIL.JpegImagePlugin", "simplejpeg", "xxhash")
"""Modules that whoever looks at pictures loads."""

log = logging.getLogger(__name__)


class Done(NamedTuple):
    """What became of a task."""

    receipts: Receipts
    anew: int
    """Pictures that were looked at; of the others all was known from other chunks."""


class Task(NamedTuple):
    """One chunk for a worker."""

    chunk: Chunk
    wanted: tuple[int, ...]
    """Numbers of the cleaners that are to look at it."""


class Deadly(NamedTuple):
    """A chunk whose workers died, worked off picture by picture."""

    done: Done
    """As if the deadly pictures could not be read."""
    pictures: tuple[Mention, ...]
    """Those that kill whoever examines them."""


def piecemeal(
    task: Task, cleaners: Sequence[Cleaner], start: Callable[[Task], Future[Done]]
) -> Deadly:
    """Work a chunk off one picture at a time, to find what kills the workers and keep the rest.

    Args:
        task: A task that was given up.
        cleaners: All that look at pictures.
        start: Hands a task out.

    Raises:
        VqaDataError: No picture is at fault: the first ones all kill their workers.
    """
    alone = [task._replace(chunk=Chunk(task.chunk.batch, (m,))) for m in task.chunk.mentions]
    sheets = {number: _Sheet(cleaners[number], {}) for number in task.wanted}
    dead, anew, lived = [], 0, 0
    for single, (mention,) in zip(alone, (t.chunk.mentions for t in alone), strict=True):
        try:
            done = start(single).result()
            anew += done.anew
            lived += 1
        except LostWorkError:
            done = None
            dead.append(mention)
            if len(dead) == ALL_DIE and not lived:
                raise _all_die() from None
        for number, sheet in sheets.items():
            sheet.copy(mention.digest, done.receipts[number] if done else None)
    receipts: Receipts = [None] * len(cleaners)
    for number, sheet in sheets.items():
        receipts[number] = sheet.receipt()
    return Deadly(Done(receipts, anew), tuple(dead))


def _all_die() -> VqaDataError:
    return VqaDataError(
        "--workers", "every worker process dies, whatever picture it examines",
        "processes that live",
        "Run the same command again with --workers 0, which shows why; what was examined is kept. "
        'A script that calls clean() with workers needs `if __name__ == "__main__":`.',
    )  # fmt: skip


class PicturePass(Stage[Task, Done]):
    """Examines the pictures of a data set, chunk by chunk.

    Args:
        shards: Where the data set is: a folder, or a URL.
        cleaners: All that look at pictures.
        cache: The folder of receipts; ``None`` to keep none.
    """

    bundle = 8

    def __init__(self, shards: Path | str, cleaners: Sequence[Cleaner], cache: Path | None) -> None:
        """Open nothing yet."""
        # Workers may work in another folder.
        place = shards if is_url(shards) else Path(shards).absolute()
        self._given = place, list(cleaners), cache.absolute() if cache else None

    def open(self) -> Callable[[Task], Done]:
        """Map the shards."""
        shards, cleaners, cache = self._given
        return Desk(open_shards(shards), cleaners, PictureCache(cache)).work

    def name_of(self, spec: Task) -> str:
        """The chunk, by its first picture."""
        first, *others = spec.chunk.mentions
        return f"{first.path} and the {len(others)} pictures behind it" if others else first.path

    def modules(self) -> list[str]:
        """What decodes pictures, and what the cleaners are made of."""
        own = {type(cleaner).__module__ for cleaner in self._given[1]}
        return [*super().modules(), *sorted(own), *DECODING]


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
        self._last = 0

    def work(self, task: Task) -> Done:
        """Examine the pictures of a chunk, each read and decoded once; keep the receipts.

        Receipts that are there are taken: another worker was lost after it had left them.
        """
        found: Receipts = [None] * len(self.cleaners)
        for number in task.wanted:
            found[number] = self.cache.find(self.cleaners[number], task.chunk.key)
        left = tuple(number for number in task.wanted if found[number] is None)
        return self._look(task._replace(wanted=left), found) if left else Done(found, 0)

    def _look(self, task: Task, found: Receipts) -> Done:
        if task.chunk.batch != self._last:
            self.shards.release(self._last)
            self._last = task.chunk.batch
        batch = self.shards.batch(task.chunk.batch)
        chosen = [self.cleaners[number] for number in task.wanted]
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

    def copy(self, digest: str, receipt: Receipt | None) -> None:
        """Write down what another sheet of one picture says, or that none could be had."""
        if receipt is None:
            self._rows.append({"digest": digest, **self._cleaner.unexamined()})
            return
        self._rows += receipt.facts.to_pylist()
        if self._tally is not None and receipt.tally is not None:
            self._tally.merge(self._tally.from_bytes(receipt.tally))

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
