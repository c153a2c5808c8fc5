"""Equal keys among more than fit into memory: cut by range, sorted range by range.

``python -m benchmarks.hash_join --keys 100000000`` makes keys of which some recur (digests of
pictures, keys of questions or of strings), drops each into the file of its range, and then sorts
one file after the other. Ranges know nothing of each other, so each may lie on another machine.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

RANGES = 256
BLOCK = 1 << 20
RECURRING = 20
"""One key in so many is one of the first million keys again."""

ROW = np.dtype([("key", np.uint64), ("number", np.int64)])


def keys(count: int) -> Iterator[np.ndarray]:
    """Blocks of rows: a key, and the number of what has it."""
    early = np.random.default_rng(0).integers(0, 1 << 64, BLOCK, np.uint64)
    for block, start in enumerate(range(0, count, BLOCK)):
        rng = np.random.default_rng(block + 1)
        rows = np.empty(min(BLOCK, count - start), ROW)
        rows["key"] = rng.integers(0, 1 << 64, len(rows), np.uint64)
        again = rng.random(len(rows)) < 1 / RECURRING
        rows["key"][again] = rng.choice(early, again.sum())
        rows["number"] = np.arange(start, start + len(rows))
        yield rows


def drop(blocks: Iterator[np.ndarray], folder: Path) -> None:
    """Append each row to the file of its range."""
    files = [(folder / f"{number}").open("wb") for number in range(RANGES)]
    for rows in blocks:
        ranges = (rows["key"] >> np.uint64(56)).astype(np.uint8)
        order = np.argsort(ranges, kind="stable")
        ends = np.searchsorted(ranges[order], np.arange(RANGES + 1))
        ordered = rows[order]
        for number, file in enumerate(files):
            file.write(ordered[ends[number] : ends[number + 1]].tobytes())
    for file in files:
        file.close()


def join(folder: Path) -> tuple[int, int, int]:
    """Sort range by range: rows whose key came before, keys that recur, and the most often."""
    repeated = recurring = most = 0
    for number in range(RANGES):
        rows = np.fromfile(folder / f"{number}", ROW)
        rows = rows[np.argsort(rows["key"], kind="stable")]
        starts = np.flatnonzero(np.diff(rows["key"], prepend=~rows["key"][:1]))
        counts = np.diff(starts, append=len(rows))
        repeated += len(rows) - len(starts)
        recurring += int((counts > 2).sum())
        most = max(most, int(counts.max()))
    return repeated, recurring, most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=10_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        marks = [time.process_time()]
        for _ in keys(given.keys):
            pass
        marks.append(time.process_time())
        drop(keys(given.keys), Path(folder))
        marks.append(time.process_time())
        repeated, recurring, most = join(Path(folder))
        marks.append(time.process_time())
    made, dropped, joined = np.diff(marks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{given.keys:,} keys: {repeated:,} repeat one, {recurring:,} keys stand three times or "
          f"more, one {most} times")  # fmt: skip
    print(f"drop {dropped - made:.1f} CPU s, sort and join {joined:.1f} CPU s, peak {peak:.0f} MB")


if __name__ == "__main__":
    main()
