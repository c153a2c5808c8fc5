"""Kills a conversion at many points, and looks at what it leaves behind.

``python -m tests.killing --count 200`` prints what came of it; the tests try some. A point is a
call or return of a function, in Python or in C, counted by a profiler; so points lie everywhere
between the first and the last line that runs. Every other run overwrites a finished folder.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from vqadata import OutputOptions, convert, open_shards, verify
from vqadata.errors import ShardError
from vqadata.sources.coco_vqa import CocoVqa

LAST = 1200
"""Events at the end, in which a folder becomes whole."""

UNFINISHED, OLD, NEW, BROKEN = "no data set", "old data set, whole", "new data set, whole", "BROKEN"


def forked(work: Callable[[], int]) -> int:
    """Do some work in a child process; its exit status, negative for a signal.

    Nothing of pyarrow or polars runs in this process, so its children begin without their threads.
    """
    child = os.fork()
    if not child:
        status = 99
        try:
            status = work()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def counted(work: Callable[[], object], stop: int, report: Path | None = None) -> int:
    """Run ``work`` and die at event ``stop``; write the number of events to ``report``."""
    left = stop

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    work()
    sys.setprofile(None)
    if report:
        report.write_text(str(stop - left))
    return 0


class Killing:
    """A conversion, an older data set in its place, and what both look like when they are whole."""

    def __init__(self, folder: Path) -> None:
        from tests.conftest import VqaFiles

        self.out, self._folder = folder / "out", folder
        for name, questions in (("old", 12), ("new", 40)):
            files = VqaFiles(folder / name, questions=questions, pictures=questions // 2).padded(
                120_000
            )
            source = CocoVqa(**files.write())
            status = forked(
                lambda source=source, name=name: self._run(source, folder / f"{name}-good")
            )
            if status:
                raise RuntimeError(f"the conversion of {name} failed")
            self._source = source
        self.tree = tree(folder / "new-good")

    def _run(self, source: CocoVqa, out: Path) -> int:
        from vqadata.converting import assembly

        assembly.BATCH_BYTES = 300_000  # in a child: several batches, and several shards
        convert(source, out, OutputOptions(shard_mb=1, overwrite=True))
        return 0

    def events(self) -> int:
        """Events of a whole run."""
        report = self._folder / "events"
        forked(lambda: counted(lambda: self._run(self._source, self.out), 1 << 40, report))
        return int(report.read_text())

    def kill(self, event: int, overwrite: bool) -> str:
        """Kill a run at an event; what lies there, after it was looked at and run again."""
        shutil.rmtree(self.out, ignore_errors=True)
        if overwrite:
            shutil.copytree(self._folder / "old-good", self.out)
        forked(lambda: counted(lambda: self._run(self._source, self.out), event))
        left = {0: UNFINISHED, 6: OLD, 20: NEW}.get(forked(self._look), BROKEN)
        if forked(lambda: self._run(self._source, self.out)) or tree(self.out) != self.tree:
            return f"{BROKEN} after a new run"
        return left

    def _look(self) -> int:
        """0 for no data set, the number of its pictures if it is whole, 98 if it only looks so."""
        try:
            problems = verify(self.out).problems
        except ShardError:
            return 0 if not (self.out / "manifest.json").exists() else 98
        return 98 if problems else open_shards(self.out).manifest.pictures


def tree(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def outcomes(folder: Path, count: int, seed: int) -> Iterator[str]:
    """What is left by ``count`` runs that were killed, at points spread over the whole run."""
    killing, chance = Killing(folder), random.Random(seed)
    events = killing.events()
    for number in range(count):
        event = int(events * (number + chance.random()) / count)
        if number % 4 < 2:
            # The last events are those that move files out and write the manifest.
            event = events - chance.randrange(LAST)
        yield killing.kill(max(event, 1), overwrite=bool(number % 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    import logging

    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        found: Counter[str] = Counter()
        for left in outcomes(Path(folder), given.count, given.seed):
            found[left] += 1
            print(found.total(), left, flush=True)
    print(f"{given.count} runs killed; each was run again and gave the same bytes, unless said")
    for left, number in found.most_common():
        print(f"{number:5} left: {left}")


if __name__ == "__main__":
    main()
