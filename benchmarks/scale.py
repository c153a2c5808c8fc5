"""Engines beside each other: same bytes, what they cost, and what two workers gain.

``python -m benchmarks.scale --pictures 20000`` converts and cleans self-made pictures with five
questions each on every engine and compares the folders. ``--quiet`` is for a machine that does
nothing else: a plain loop, no worker and two workers in turn over the same pictures, by wall time,
and in the end what two workers gain, of the medians. ``--growth`` converts and cleans so many
pictures and ten times as many, and says by how much the peak of the driver's memory grows.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.killing_workers import TwoNodes
from tests.odd_pictures import saved, scene

QUESTIONS = 5


class Cost(NamedTuple):
    """What a command took."""

    wall: float
    cpu: float
    peak_mb: float
    """Of the driver."""


def make(folder: Path, pictures: int, side: int) -> list[str]:
    """A data set in the official layout; the options that name it."""
    (folder / "images").mkdir(parents=True)
    for number in range(pictures):
        data = saved(scene(side * 4 // 3, side, seed=number))
        name = f"COCO_val2014_{number:012d}.jpg"
        broken = data[:200] + number.to_bytes(8, "big")  # no two are one picture
        (folder / "images" / name).write_bytes(broken if number % 997 == 5 else data)
    head = {"data_subtype": "val2014", "license": {"name": "CC BY 4.0"}}
    asked, answered = [], []
    for number in range(QUESTIONS * pictures):
        ids = {"question_id": number, "image_id": number % pictures}
        asked.append(ids | {"question": f"What is number {number} of {number % 7}?"})
        given = ["yes" if number * n % 3 else "no" for n in range(1, 11)]
        answers = [{"answer": a, "answer_id": n, "answer_confidence": "yes"}
                   for n, a in enumerate(given, 1)]  # fmt: skip
        kinds = {"answer_type": "yes/no", "question_type": "what"}
        answered.append(ids | kinds | {"multiple_choice_answer": "yes", "answers": answers})
    words = []
    for key, rows in (("questions", asked), ("annotations", answered)):
        (folder / f"{key}.json").write_text(json.dumps(head | {key: rows}))
        words += [f"--{key}", str(folder / f"{key}.json")]
    return words


def run(words: list[str]) -> Cost:
    """Run a command; its cost, with that of all processes that it started."""
    before, begun, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0.0
    seen: dict[int, float] = {}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([sys.executable, "-m", "vqadata", *words],
                                   stdout=subprocess.DEVNULL, stderr=said)  # fmt: skip
        while process.poll() is None:
            peak = max(peak, _peak_mb(process.pid))
            seen.update(_cpu_of_tree(process.pid))
            time.sleep(0.1)
        said.seek(0)
        if process.returncode:
            raise RuntimeError(said.read().decode())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # Nobody waits for the processes of Ray: of them is known what they had used when seen last.
    return Cost(time.monotonic() - begun, max(cpu, sum(seen.values())), peak)


def _cpu_of_tree(root: int) -> dict[int, float]:
    """CPU seconds so far of a process and of all that it started, by number."""
    parents, spent = {}, {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold spaces.
            told = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        number = int(place.parent.name)
        parents[number] = int(told[1])
        spent[number] = (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
    tree, more = set[int](), {root}
    while more:
        tree |= more
        more = {number for number, parent in parents.items() if parent in more}
    return {number: spent[number] for number in tree & spent.keys()}


def _peak_mb(pid: int) -> float:
    """The peak that the system knows of a process: ``ru_maxrss`` would begin with our own."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return max((int(x.split()[1]) / 1024 for x in lines if x.startswith("VmHWM")), default=0.0)


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes()
            for p in sorted(folder.rglob("*")) if p.is_file()}  # fmt: skip


def engines(ray: bool) -> Iterator[tuple[str, list[str]]]:
    yield "local, no worker", ["--workers", "0"]
    yield "local, 2 workers", ["--workers", "2"]
    if ray:
        nodes = TwoNodes()
        try:
            yield "Ray, two nodes", ["--engine", "ray", "--ray-address", nodes.address]
        finally:
            nodes.stop()
        yield "Ray, this machine", ["--engine", "ray", "--workers", "2"]
    yield "local, 1 worker", ["--workers", "1"]
    yield "local, 4 workers", ["--workers", "4"]


def compare(folder: Path, pictures: int, side: int, ray: bool) -> None:
    data = make(folder / "data", pictures, side)
    seen: dict[str, dict[str, bytes]] = {}
    print(f"{pictures:,} pictures, {QUESTIONS * pictures:,} questions")
    print("| engine | convert: CPU s | wall s | driver MB | clean: CPU s | wall s | driver MB | |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    for name, words in engines(ray):
        made, cleaned = folder / "made", folder / "clean"
        costs = [
            run(["convert", "coco-vqa", *data, "-o", str(made), "--shard-mb", "8", *words]),
            run(["clean", str(made), "-o", str(cleaned), "--no-cache", "--only", "audit", *words]),
        ]
        same = []
        for key, out in (("convert", made), ("clean", cleaned)):
            same.append(seen.setdefault(key, tree(out)) == tree(out))
            shutil.rmtree(out)
        figures = " | ".join(f"{c.cpu:.1f} | {c.wall:.1f} | {c.peak_mb:.0f}" for c in costs)
        verdict = "same bytes" if all(same) else "OTHER BYTES"
        print(f"| {name} | {figures} | {verdict} |", flush=True)


def growth(folder: Path, pictures: int, side: int) -> None:
    peaks: dict[str, list[float]] = {}
    for count in (pictures, 10 * pictures):
        place = folder / str(count)
        data = make(place / "data", count, side)
        made, clean = place / "made", ["clean", str(place / "made"), "--no-cache"]
        commands = {
            "convert": ["convert", "coco-vqa", *data, "-o", str(made)],
            "clean --only audit": [*clean, "-o", str(place / "audited"), "--only", "audit"],
            "clean": [*clean, "-o", str(place / "cleaned")],
        }
        for name, words in commands.items():
            peaks.setdefault(name, []).append(run([*words, "--workers", "2"]).peak_mb)
        shutil.rmtree(place)
    print(f"peak of the driver in MB at {pictures:,} and {10 * pictures:,} pictures")
    for name, (few, many) in peaks.items():
        print(f"{name}: {few:.0f}, {many:.0f}, {many / few:.2f} times")


WORKERS = {"no worker": ["--workers", "0"], "two processes": ["--workers", "2"],
           "two threads": ["--workers", "2", "--worker-kind", "threads"]}  # fmt: skip


def quiet(folder: Path, pictures: int, side: int, turns: int) -> None:
    data = make(folder / "data", pictures, side)
    made, out = folder / "made", folder / "clean"
    run(["convert", "coco-vqa", *data, "-o", str(made)])
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in WORKERS}
    for turn in range(turns):
        print(_loop(made))
        for name, words in WORKERS.items():
            cost = run(
                ["clean", str(made), "-o", str(out), "--no-cache", "--only", "audit", *words]
            )
            shutil.rmtree(out)
            alone = _pass_wall(made, words)
            spent[name].append((cost.wall, alone))
            print(f"turn {turn}: {name}: command {cost.wall:.1f} s wall, {cost.cpu:.1f} CPU s; "
                  f"the pass in it {alone:.1f} s wall", flush=True)  # fmt: skip
    for what, place in (("the command", 0), ("the pass", 1)):
        middle = {name: median(each[place] for each in times) for name, times in spent.items()}
        for name in list(WORKERS)[1:]:
            print(f"{what}: {name} are {middle['no worker'] / middle[name]:.2f} times no worker")


PASS = """
import sys, tempfile, time
from pathlib import Path
from vqadata.cleaners.audit import Audit
from vqadata.commands.command_line import spare_pandas
from vqadata.cleaning.examination import ExaminationOptions, examine
from vqadata.shards.reader import open_shards
spare_pandas()
place, workers, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
options = ExaminationOptions(no_cache=True, workers=workers, worker_kind=kind)
with tempfile.TemporaryDirectory() as folder:
    begun = time.monotonic()
    examine(open_shards(place), [Audit()], options, Path(folder))
    print(time.monotonic() - begun)
"""
"""The pass over pictures alone, with the start of its workers."""


def _pass_wall(shards: Path, words: list[str]) -> float:
    kind = "threads" if "threads" in words else "processes"
    return float(_said(PASS, str(shards), words[1], kind))


def _said(program: str, *words: str) -> str:
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True,
                          check=True)  # fmt: skip
    return done.stdout


LOOP = """
import sys, time
from pathlib import Path
from vqadata.cleaning.chunks import ChunkCutter
from vqadata.cleaners.audit import Audit
from vqadata.engine.hiring import EngineOptions, hire
from vqadata.cleaning.picture_pass import PicturePass, Task
from vqadata.shards.reader import open_shards
shards = open_shards(Path(sys.argv[1])); cutter = ChunkCutter()
stage = PicturePass(Path(sys.argv[1]), [Audit()], None)
tasks = [Task(chunk, (0,)) for n, (split, batch) in enumerate(shards.split_batches())
         for chunk in cutter.cut(n, split, batch)]
work = stage.open(); work(tasks[0])
half = [(tasks[::2], tasks[1::2]), (tasks[1::2], tasks[::2])]
spent = [0.0, 0.0]
for plain, engine in half:
    begun = time.process_time()
    for task in plain:
        work(task)
    spent[0] += time.process_time() - begun
    begun = time.process_time()
    with hire(stage, EngineOptions(workers=0), False) as hired:
        for task in engine:
            hired.start(task).result()
    spent[1] += time.process_time() - begun
print(*spent)
"""
"""The same chunks by a plain loop and by the engine without workers, in turns."""


def _loop(shards: Path) -> str:
    plain, engine = map(float, _said(LOOP, str(shards)).split())
    return (f"all pictures by a plain loop {plain:.2f} CPU s, by the engine without workers "
            f"{engine:.2f}: {engine / plain:.3f}x")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--side", type=int, default=96, help="Shorter side of a picture.")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--no-ray", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.quiet:
            quiet(Path(folder), given.pictures, given.side, given.turns)
        elif given.growth:
            growth(Path(folder), given.pictures, given.side)
        else:
            compare(Path(folder), given.pictures, given.side, not given.no_ray)


if __name__ == "__main__":
    main()
