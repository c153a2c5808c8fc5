"""What an audit of pictures costs, beside the limit of decoding and the tools of the field.

    python -m benchmarks.pictures                              # ours and the limit
    python -m benchmarks.pictures --peers .peers/pictures/bin/python

CPU time a picture on one core, user and system; every tool in a process of its own, in turns, the
best of the rounds. The second table is ``vqadata clean`` itself, from its first line to its last.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.picture_set import write_pictures

ROOT = Path(__file__).parent.parent

OURS = ("read", "entropy-limit", "pillow", "vqadata-audit", "vqadata-all")
PEERS = ("imagehash-phash", "imagededup-phash", "cleanvision")

TIMES = 5
"""How often each picture is in the set that is cleaned, with other bytes."""

LABELS = {
    "read": "read the bytes",
    "entropy-limit": "libjpeg-turbo to 1/8 grey: the limit",
    "pillow": "Pillow to RGB, nothing else",
    "vqadata-audit": "vqadata: audit",
    "vqadata-all": "vqadata: all that cleaners look for, hashes too",
    "imagehash-phash": "imagehash phash",
    "imagededup-phash": "imagededup PHash",
    "cleanvision": "cleanvision, default checks",
}


def figure(tool: str, python: str, folder: Path) -> float:
    """CPU milliseconds a picture in a process of its own."""
    done = subprocess.run(
        [python, str(ROOT / "benchmarks" / "picture_tools.py"), tool, str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def print_tools(folder: Path, peers: str | None, rounds: int) -> None:
    contenders = [(tool, sys.executable) for tool in OURS]
    contenders += [(tool, peers) for tool in PEERS if peers]
    best: dict[str, float] = {}
    for _ in range(rounds):
        for tool, python in contenders:
            found = figure(tool, python or sys.executable, folder)
            best[tool] = min(found, best.get(tool, found))
    limit, own = best["entropy-limit"], best["vqadata-audit"]
    print("| | CPU ms a picture | x limit | x our audit |\n| --- | ---: | ---: | ---: |")
    for tool, cost in best.items():
        print(f"| {LABELS[tool]} | {cost:.2f} | {cost / limit:.1f} | {cost / own:.1f} |")


def with_other_bytes(files: list[Path], folder: Path, times: int) -> list[Path]:
    """Each picture several times, with a comment that makes its bytes others (JPEG, B.2.4.5)."""
    folder.mkdir()
    made = []
    for number in range(times):
        for file in files:
            data = file.read_bytes()
            made.append(folder / f"{number}-{file.name}")
            made[-1].write_bytes(data[:2] + b"\xff\xfe\x00\x06%04d" % number + data[2:])
    return made


def shards_of(files: list[Path], folder: Path) -> Path:
    """Shards of five questions a picture."""
    folder.mkdir()
    rows = [
        {"image": file.name, "question": f"What is number {n}?", "answer": str(n)}
        for file in files for n in range(5)
    ]  # fmt: skip
    (folder / "rows.json").write_text(json.dumps(rows))
    fields = [f"--field={name}={name}" for name in ("image", "question", "answer")]
    run("convert", "custom", folder / "rows.json", *fields,
        "--image-root", files[0].parent, "-o", folder / "shards")  # fmt: skip
    return folder / "shards"


def run(*words: object) -> float:
    """CPU seconds of our program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "vqadata", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def print_clean(files: list[Path], folder: Path) -> None:
    many = with_other_bytes(files, folder / "many", TIMES)
    shards, one = shards_of(many, folder / "all"), shards_of(many[:1], folder / "one")
    start = cleaned(one, folder / "start", folder / "no-cache")
    what = f"vqadata clean --only audit, {len(many):,} pictures"
    print(f"\n| {what} | CPU s | a picture, beside start-up, ms |")
    print("| --- | ---: | ---: |")
    for number, name in enumerate(("first run", "second run")):
        cost = cleaned(shards, folder / f"out{number}", folder / "cache")
        print(f"| {name} | {cost:.2f} | {(cost - start) / len(many) * 1000:.2f} |")


def cleaned(shards: Path, out: Path, cache: Path) -> float:
    """CPU seconds of a clean on one core."""
    words = ("--workers", 0, "--only", "audit")
    return run("clean", shards, "-o", out, "--cache", cache, *words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", help="Python of an environment with the peers' tools.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        files = write_pictures(Path(name, "pictures"), chosen.count)
        size = sum(file.stat().st_size for file in files) / len(files)
        print(f"{len(files)} pictures of 640 x 480, {size / 1000:,.0f} KB each\n")
        print_tools(files[0].parent, chosen.peers, chosen.rounds)
        print_clean(files, Path(name))


if __name__ == "__main__":
    main()
