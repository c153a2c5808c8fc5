"""The loader beside other libraries.

    python -m benchmarks.loader --peers PYTHON [--folder DIR]

Writes 8,000 pictures with five questions each, stores them with every library, and reads them back.
Each figure comes from a process of its own; contenders take turns, and the table shows the median
of the turns. CPU seconds are those of all threads and workers. Libraries other than ours run in the
Python of ``--peers``. See benchmarks/README.md for what was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.loader_data import PICTURES
from benchmarks.loader_peers import PEERS
from benchmarks.loader_task import LIMIT, OURS

ROOT = Path(__file__).parents[1]
QUIET = {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
TORCH_MOST, DECODED = 12_000, 800
SEVERAL = ("shuffled", "torch", "decode")
"""What is measured several times: the figures that are compared."""
PURE = "pure decode and resize"
QUESTIONS = "questions a CPU second"


class Setting(NamedTuple):
    """Where everything lies, and what is run how often."""

    folder: Path
    python: str
    pictures: int
    copied: int
    """Pictures of the data sets that store one for each question."""
    turns: int
    peers: Sequence[str]
    """The other libraries."""

    def pictures_of(self, name: str, grouped: bool) -> int:
        """Pictures in a library's data set."""
        return self.pictures if grouped or name in (OURS, LIMIT) else self.copied

    def stored(self, name: str, grouped: bool) -> Path:
        """The folder of a library's data set."""
        kind = "" if name == OURS else "-grouped" if grouped else "-copied"
        shared = name.replace(", iterable", ", map")
        return self.folder / f"{shared.replace(', ', '-')}{kind}"


def run(setting: Setting, name: str, task: str, grouped: bool, **more: int) -> dict[str, float]:
    """One figure; empty if the contender has none."""
    python = setting.python if name in PEERS else sys.executable
    words = [python, "-m", "benchmarks.loader_task", name, task]
    words += ["--raw", setting.folder / "raw", "--folder", setting.stored(name, grouped)]
    values = {"pictures": setting.pictures_of(name, grouped), **more}
    words += [word for key, value in values.items() for word in (f"--{key}", value)]
    words += ["--grouped"] * grouped
    # peers/path lets torchvision, which some of them import, load beside a CPU build of torch.
    path = os.pathsep.join(map(str, [ROOT] + [ROOT / "peers/path"] * (name in PEERS)))
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, timeout=900,
        env=os.environ | QUIET | {"PYTHONPATH": path},
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        print(f"({name}, {task}: {done.stderr.strip().splitlines()[-1:]})", file=sys.stderr)
        return {}
    found: dict[str, float] = json.loads(lines[-1])
    return found


def prepare(setting: Setting) -> dict[tuple[str, bool], dict[str, float]]:
    """Write the raw files, and with each library its data sets; what is there is kept."""
    raw = setting.folder / "raw"
    if not (raw / "annotations.json").exists():
        words = ["-m", "benchmarks.loader_data", raw, "--pictures", setting.pictures]
        subprocess.run([sys.executable, *map(str, words)], check=True)
    found = {}
    for name in (OURS, *setting.peers):
        for grouped in (True,) if name == OURS else (True, False):
            note = setting.stored(name, grouped).with_suffix(".json")
            if not note.exists():
                shutil.rmtree(setting.stored(name, grouped), ignore_errors=True)
                note.write_text(json.dumps(run(setting, name, "write", grouped)))
            found[name, grouped] = json.loads(note.read_text())
    return found


def table(title: str, lines: Iterator[Sequence[str]]) -> None:
    """Print a table of Markdown, a line as soon as it is known."""
    print(f"\n{title}", flush=True)
    for number, cells in enumerate(lines):
        print(f"| {' | '.join(cells)} |", flush=True)
        if not number:
            print("|---|" + "---:|" * (len(cells) - 1), flush=True)


def turns(
    setting: Setting, names: Sequence[str], task: str, grouped: bool, **more: int
) -> dict[str, list[dict[str, float]]]:
    """The figures of some contenders, which take turns."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(setting.turns if task in SEVERAL else 1):
        for name in names:
            if figure := run(setting, name, task, grouped, **more):
                found[name].append(figure)
    return found


def middle(figures: Sequence[dict[str, float]], key: str) -> float | None:
    values = [figure[key] for figure in figures if key in figure]
    return statistics.median(values) if values else None


def rates(figures: dict[str, list[dict[str, float]]], unit: str) -> Iterator[Sequence[str]]:
    """A line for each contender: its rate, that of ours as a multiple of it, its other figures."""
    key = "per_second" if "wall" in unit else "per_cpu_second"
    yield ["", unit, "ours is so many times", "private MB"]
    own = middle(figures[OURS], key) or 0.0
    for name, turn in figures.items():
        rate, memory = middle(turn, key), middle(turn, "private_mb")
        if rate:
            times = "" if name == OURS else f"{own / rate:.2f}"
            yield [name, f"{rate:,.0f}", times, f"{memory:,.0f}" if memory else ""]


def compare(setting: Setting, parts: Sequence[str]) -> None:
    """Print the tables of some parts."""
    written = prepare(setting)
    pictures = (setting.folder / "raw/images").iterdir()
    raw = sum(path.stat().st_size for path in pictures) / 1e6
    text = sum(path.stat().st_size for path in (setting.folder / "raw").glob("*.json")) / 1e6
    counts = f"{setting.pictures:,} pictures, {raw:.0f} MB, {5 * setting.pictures:,} questions"
    print(f"{counts}, {text:.0f} MB of JSON")
    if "write" in parts:
        table("Write and size", write_lines(setting, written, raw))
    for part in parts:
        if part in PARTS:
            PARTS[part](setting, [OURS, *setting.peers])


def in_process(setting: Setting, everyone: Sequence[str], task: str) -> None:
    for grouped, kind in ((False, "one row a question"), (True, "rows or visits by picture")):
        figures = turns(setting, [LIMIT, *everyone], task, grouped)
        table(f"{task}, {kind}", rates(figures, QUESTIONS))


def from_disk(setting: Setting, everyone: Sequence[str]) -> None:
    figures = turns(setting, [LIMIT, *everyone], "cold", True)
    table("shuffled, by picture, cold", rates(figures, "questions a second by the wall clock"))


def through_torch(setting: Setting, everyone: Sequence[str]) -> None:
    for grouped, kind in ((False, "one row a question"), (True, "by picture")):
        figures = turns(setting, everyone, "torch", grouped, most=TORCH_MOST)
        table(f"torch DataLoader, 2 workers, encoded, {kind}", rates(figures, QUESTIONS))


def decoded(setting: Setting, everyone: Sequence[str]) -> None:
    figures = turns(setting, [PURE, *everyone], "decode", False, pictures=DECODED)
    table("decode and resize to 448, a picture a question", rates(figures, "pictures a CPU second"))


def decoded_by_torch(setting: Setting, everyone: Sequence[str]) -> None:
    figures = turns(setting, everyone, "torch decode", True, most=5 * DECODED)
    table("the same by torch DataLoader, 2 workers, by picture", rates(figures, QUESTIONS))


def first_sample(setting: Setting, everyone: Sequence[str]) -> None:
    table("first sample", first_lines(turns(setting, everyone, "first", True)))


def ours_alone(setting: Setting, _: Sequence[str]) -> None:
    for task in ("resume", "memory"):
        print(f"\n{task}: {json.dumps(run(setting, OURS, task, False))}", flush=True)


PARTS: dict[str, Callable[[Setting, Sequence[str]], None]] = {
    "sequential": partial(in_process, task="sequential"),
    "shuffled": partial(in_process, task="shuffled"),
    "cold": from_disk,
    "torch": through_torch,
    "decode": decoded,
    "torch-decode": decoded_by_torch,
    "first": first_sample,
    "ours": ours_alone,
}


def write_lines(
    setting: Setting, written: dict[tuple[str, bool], dict[str, float]], raw: float
) -> Iterator[Sequence[str]]:
    yield ["", "questions a CPU second", "MB", "x picture bytes"]
    for (name, grouped), figure in written.items():
        share = raw * setting.pictures_of(name, grouped) / setting.pictures
        kind = "" if name == OURS else ", by picture" if grouped else ", a copy a question"
        if figure:
            size = figure["mb"]
            rate = f"{figure['per_cpu_second']:,.0f}"
            yield [name + kind, rate, f"{size:,.0f}", f"{size / share:.3f}"]


def first_lines(figures: dict[str, list[dict[str, float]]]) -> Iterator[Sequence[str]]:
    yield ["", "seconds from import", "CPU seconds"]
    for name, turn in figures.items():
        wall, used = middle(turn, "wall"), middle(turn, "cpu")
        if wall and used:
            yield [name, f"{wall:.2f}", f"{used:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", required=True, help="Python with the other libraries")
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--copied", type=int, default=PICTURES // 8)
    parser.add_argument("--turns", type=int, default=3, help="of the parts that are compared")
    parser.add_argument("--only", action="append", choices=PEERS, help="this library; repeatable")
    parser.add_argument("--part", action="append", choices=["write", *PARTS], help="repeatable")
    parser.add_argument("--folder", type=Path, help="is kept; needs 10 GB")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        peers = chosen.only or list(PEERS)
        sizes = chosen.pictures, chosen.copied, chosen.turns
        parts = chosen.part or ["write", *PARTS]
        compare(Setting(folder, chosen.peers, *sizes, peers), parts)


if __name__ == "__main__":
    main()
