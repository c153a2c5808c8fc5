"""Shards: size on disk, writing, verifying against a plain read, and a slow store against a disk.

    python -m benchmarks.shards --pictures 2000

What is compared is measured in turns in one run, the best of several; times are CPU seconds of this
process, its threads and children included, because wall time depends on who else uses the machine.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

QUESTIONS = 5
MEAN_BYTES = 77_000


class Cost(NamedTuple):
    """Seconds that something took."""

    cpu: float
    wall: float


def cost(work: Callable[[], object]) -> Cost:
    begin, start = cpu_seconds(), time.perf_counter()
    work()
    return Cost(cpu_seconds() - begin, time.perf_counter() - start)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def in_turns(rounds: int, **works: Callable[[], object]) -> dict[str, Cost]:
    """The cheapest of several rounds of each."""
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            costs[name].append(cost(work))
    return {name: min(each) for name, each in costs.items()}


def make_files(folder: Path, pictures: int) -> tuple[Any, int, int]:
    """A VQA data set in the official layout; its source, bytes of pictures, bytes of text."""
    from tests.conftest import VqaFiles, encoded
    from vqadata.sources.coco_vqa import CocoVqa

    files = VqaFiles(folder, questions=pictures * QUESTIONS, pictures=pictures)
    chance, size = random.Random(0), 0
    for number in range(pictures):
        data = encoded("navy", (640, 480)) + chance.randbytes(int(chance.gauss(MEAN_BYTES, 15_000)))
        files.picture(number).write_bytes(data)
        size += len(data)
    paths = files.write()
    return CocoVqa(**paths), size, sum(path.stat().st_size for path in paths.values())


def read_all(shards: Any) -> int:
    """Go through all batches and hash all pictures, so that mapping does not cheat."""
    import xxhash

    digest = xxhash.xxh3_64()
    for batch in shards.batches():
        digest.update(batch.column("images").flatten().field("bytes").buffers()[2])
    return int(digest.intdigest())


def plain(folder: Path) -> None:
    """The floor of verifying: read every byte of the shards and hash it."""
    import xxhash

    buffer = memoryview(bytearray(1 << 20))
    for path in sorted(folder.glob("*.arrow")):
        digest = xxhash.xxh3_128()
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                digest.update(buffer[:count])


def slow_store(local: Path) -> str:
    """A store in memory with 20 ms of latency; a tenth of its answers are errors, a tenth short."""
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    class Slow(MemoryFileSystem):  # type: ignore[misc]
        protocol, cachable, chance = "slow", False, random.Random(1)

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(super()._strip_protocol(path.replace("slow:", "memory:")))

        def cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> bytes:
            time.sleep(0.02)
            data: bytes = super().cat_file(path, start, end)
            fate = self.chance.random()
            if fate < 0.1:
                raise OSError("reset by peer")
            return data[: len(data) // 2] if fate < 0.2 else data

    fsspec.register_implementation("slow", Slow, clobber=True)
    store = fsspec.filesystem("memory")
    for path in local.iterdir():
        store.pipe_file(f"/bench/{path.name}", path.read_bytes())
    return "slow://bench"


def show(costs: dict[str, Cost], base: str, size: int) -> None:
    """Print each cost, and how its speed compares with that of ``base``."""
    for name, each in costs.items():
        speed = f"{size / each.cpu / 1e9:.1f} GB a CPU s, {size / each.wall / 1e9:.1f} GB/s"
        print(
            f"{name:12} {each.cpu:.3f} CPU s, {speed}, {costs[base].cpu / each.cpu:.2f} of {base}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="Where to put temporary files.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        measure(Path(folder), given.pictures, given.rounds)


def measure(folder: Path, pictures: int, rounds: int) -> None:
    from vqadata import convert, open_shards, verify
    from vqadata.shards.read_options import ReadOptions

    source, picture_bytes, text_bytes = make_files(folder / "raw", pictures)
    out = folder / "out"
    written = cost(lambda: convert(source, out))
    size = sum(path.stat().st_size for path in out.glob("*.arrow"))
    whole = picture_bytes + text_bytes
    print(
        f"{pictures:,} pictures x {QUESTIONS} questions: {picture_bytes / 1e6:.1f} MB of pictures"
    )
    print(f"{text_bytes / 1e6:.1f} MB of JSON")
    print(f"size: {size / 1e6:.1f} MB, {size / picture_bytes:.3f} of the pictures")
    print(f"      {size / whole:.3f} of pictures and JSON")
    rate = pictures * QUESTIONS / written.cpu
    print(f"convert: {written.cpu:.2f} CPU s, {written.wall:.2f} s, {rate:,.0f} questions a CPU s")
    shards = open_shards(out)
    checked = in_turns(
        rounds,
        plain=lambda: plain(out),
        digests=lambda: list(shards.faults()),
        verify=lambda: verify(out),
        sha256=lambda: list(shards.faults(sha256=True)),
    )
    show(checked, "plain", size)
    url = slow_store(out)
    options = ReadOptions(cache_dir=folder / "cache", cache_mb=4096, backoff_seconds=0.01)
    remote = open_shards(url, options)
    first = cost(lambda: read_all(remote))
    print(f"slow store, first pass: {first.wall:.2f} s, {size / first.wall / 1e6:.0f} MB/s")
    passes = in_turns(
        rounds,
        local=lambda: read_all(shards),
        warmed=lambda: read_all(remote),
        anew=lambda: read_all(open_shards(out)),
        warmed_anew=lambda: read_all(open_shards(url, options)),
    )
    show(passes, "local", size)
    small = ReadOptions(
        cache_dir=folder / "small", cache_mb=max(size >> 22, 1), backoff_seconds=0.01
    )
    bounded = open_shards(url, small)
    for _ in range(2):
        read_all(bounded)
    held = sum(path.stat().st_size for path in (folder / "small").glob("*.batch"))
    print(f"cache of {small.cache_mb} MiB: holds {held / (1 << 20):.1f} MiB after two passes")


if __name__ == "__main__":
    main()
