"""The embedded server under load and under attack: ``make bench-serving``.

    python -m benchmarks.serving --clients 64 --requests 512 --long 2000

A tiny model is trained until it tells four colours apart, and served by ``vqatrain serve`` in a
process of its own. Asked are pictures of one colour, so that answers that are mixed up would show:
one after the other, by all clients at a time, and beside every request of ``tests/vqatrain/
hostile.py``; memory is looked at over many more requests. A fault ends with status 1.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.conftest import encoded
from tests.vqatrain.hostile import HOSTILE, LIMITS, messages, post, uri
from vqadata import convert
from vqadata.sources.custom import Custom
from vqatrain import TrainConfig, run

COLOURS = ("red", "blue", "green", "yellow")
SIDES = (48, 56, 64, 72)
STEPS = 120
KEY = "bench"

FLAT_MB = 40
"""How much more memory the server may have after the long run than after its first tenth."""


class Served(NamedTuple):
    """A server that runs."""

    address: str
    pid: int

    def cpu(self) -> float:
        """CPU seconds of its process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Memory of its process now."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0


class Round(NamedTuple):
    """What came of some requests."""

    seconds: float
    cpu: float
    wrong: int
    """Errors, and answers to another question."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=64, help="that ask at a time")
    parser.add_argument("--requests", type=int, default=512, help="of each round")
    parser.add_argument("--long", type=int, default=2000, help="over which memory must stay")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        ask(server, 0, 8, 4)  # what is built at the first requests
        alone, together = (
            ask(server, 0, chosen.requests, 1),
            ask(server, 0, chosen.requests, chosen.clients),
        )
        say("one after the other", alone, chosen.requests)
        say(f"{chosen.clients} at a time", together, chosen.requests)
        ratio = alone.seconds / together.seconds
        print(f"throughput of {chosen.clients} at a time: {ratio:.1f} times", flush=True)
        faults = [*attack(server, chosen.clients), alone.wrong, together.wrong, ratio < 2]
        faults.append(long(server, chosen.long, chosen.clients))
    raise SystemExit(any(faults))


def say(what: str, found: Round, count: int) -> None:
    print(
        f"{what}: {count} requests, {found.wrong} wrong; {1000 * found.cpu / count:.1f} ms of CPU "
        f"and {1000 * found.seconds / count:.1f} ms by the clock a request",
        flush=True,
    )  # fmt: skip


def question(number: int) -> tuple[str, str]:
    """A question, and its colour."""
    return f"What colour is part {number % 8}?", COLOURS[number % 4]


def right(server: Served, number: int) -> bool:
    """Ask about a picture of one colour."""
    text, colour = question(number)
    side = SIDES[number // 4 % 4]
    body = {"messages": messages(text, uri(encoded(colour, (side, 64)))), "max_tokens": 8}
    status, answer = post(server.address, body, KEY)
    return status == 200 and answer["choices"][0]["message"]["content"] == colour


def ask(server: Served, start: int, count: int, clients: int) -> Round:
    """Ask some questions, several at a time."""
    cpu, began = server.cpu(), time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        said = list(pool.map(lambda number: right(server, number), range(start, start + count)))
    return Round(time.monotonic() - began, server.cpu() - cpu, said.count(False))


def attack(server: Served, clients: int) -> Iterator[int]:
    """Send every hostile request while others ask; how many of each came out wrong."""
    stop, others = threading.Event(), []

    def on() -> None:
        while not stop.is_set():
            others.append(ask(server, 0, clients, clients // 2).wrong)

    thread = threading.Thread(target=on)
    thread.start()
    wrong = []
    for name, status, body in HOSTILE:
        found, answer = post(server.address, body, KEY)
        told = status == 200 or bool(answer["error"]["message"])
        if found != status or not told:
            wrong.append(f"{name}: {found}, not {status}: {answer}")
    stop.set()
    thread.join()
    print(*wrong, sep="\n", end="" if not wrong else "\n")
    print(
        f"{len(HOSTILE)} hostile requests, {len(wrong)} with another status than is due; beside "
        f"them {clients * len(others)} others, {sum(others)} wrong; {server.megabytes():.0f} MB",
        flush=True,
    )  # fmt: skip
    yield len(wrong)
    yield sum(others)


def long(server: Served, count: int, clients: int) -> bool:
    """Whether memory grows, or an answer is wrong."""
    tenth, marks, wrong = count // 10, [], 0
    for part in range(10):
        wrong += ask(server, part * tenth, tenth, clients).wrong
        marks.append(server.megabytes())
    print(f"{count} more requests, {wrong} wrong; MB:", *(f"{mark:.0f}" for mark in marks))
    return bool(wrong) or marks[-1] > marks[0] + FLAT_MB


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Train, then serve until this ends; the server must end by itself when it is told to."""
    run = train(folder)
    limits = [
        word
        for name, value in LIMITS.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    log = folder / "log.txt"
    command = [
        sys.executable,
        "-m",
        "vqatrain",
        "serve",
        str(run),
        "--name",
        "colours",
        "--port",
        "0",
    ]
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--max-waiting", "256", "--threads", "1", *limits], stderr=out, stdout=out,
            env={**os.environ, "VQATRAIN_API_KEY": KEY},
        )  # fmt: skip
    try:
        yield Served(wait(lambda: re.search(r"http://\S+?:\d+", log.read_text())), process.pid)
    finally:
        process.terminate()
        print("ended with", process.wait(90), "after SIGTERM")


def train(folder: Path) -> Path:
    """A run that has learnt the colours by heart."""
    images = folder / "images"
    images.mkdir()
    rows = ["question,image,answer"]
    for number in range(len(COLOURS) * len(SIDES) * 2):
        text, colour = question(number)
        side = SIDES[number // 4 % 4]
        (images / f"{colour}-{side}.png").write_bytes(encoded(colour, (side, 64)))
        rows.append(f"{text},{colour}-{side}.png,{colour}")
    (folder / "rows.csv").write_text("\n".join(rows))
    fields = ["question=question", "image=image", "answer=answer"]
    source = Custom(data=folder / "rows.csv", field=fields, image_root=[images])
    convert(source, folder / "shards")
    return run(
        TrainConfig(
            shards=folder / "shards", model="tiny:smolvlm", tuning="full", out=folder / "run",
            max_steps=STEPS, learning_rate=3e-3, batch_size=16, warmup_steps=5, threads=1,
            report_to="none",
        )
    )  # fmt: skip


def wait(look: Callable[[], re.Match[str] | None]) -> str:
    """Wait until a server says where it is, and answers there."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if found := look():
            with suppress(OSError), urllib.request.urlopen(f"{found[0]}/health"):
                return found[0]
        time.sleep(0.1)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
