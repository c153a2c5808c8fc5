"""Kills workers, machines and drivers of a cleaning at random moments, and looks at what comes out.

``python -m tests.killing_workers --count 60 --engine local`` prints what came of it; the tests try
some. ``--engine ray`` works on a cluster of two nodes that this program starts; a node is lost by
the death of its raylet. A driver that was killed is followed by a new run on another engine. Each
outcome must be the same bytes, and nothing that had a receipt may be looked at again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.conftest import VqaFiles
from tests.odd_pictures import saved, scene
from vqadata.cleaning.chunks import CHUNK

PICTURES = 200
ROOT = Path(__file__).parents[1]

RUN = """
import sys
from pathlib import Path
from tests.probe import Probe
from vqadata import clean
from vqadata.cleaners.audit import Audit
from vqadata.cleaning.examination import ExaminationOptions
if __name__ == "__main__":
    shards, out, cache, diary, engine, workers, address = sys.argv[1:]
    clean(shards, out, [Audit(), Probe(diary=Path(diary))],
          examination=ExaminationOptions(cache=Path(cache), engine=engine, workers=int(workers),
                                         ray_address=address or None))
"""


class Hands(NamedTuple):
    """On which engine a run works."""

    engine: str
    workers: int
    address: str = ""


def made(folder: Path, pictures: int = PICTURES) -> Path:
    """Shards of pictures that are all different, one of them broken."""
    from vqadata import convert
    from vqadata.sources.coco_vqa import CocoVqa

    files = VqaFiles(folder / "raw", questions=2 * pictures, pictures=pictures)
    for number in range(pictures):
        files.picture(number).write_bytes(saved(scene(seed=number)))
    files.picture(5).write_bytes(files.picture(5).read_bytes()[:500])
    convert(CocoVqa(**files.write()), folder / "shards")
    return folder / "shards"


class Case:
    """One cleaning that is disturbed."""

    def __init__(self, shards: Path, folder: Path) -> None:
        self.shards, self.folder = shards, folder
        self.diary = folder / "diary"
        folder.mkdir(exist_ok=True)
        (folder / "run.py").write_text(RUN)

    def start(self, hands: Hands) -> subprocess.Popen[str]:
        places = (self.shards, self.folder / "out", self.folder / "cache", self.diary)
        words = map(str, (*places, *hands))
        with (self.folder / "said").open("a") as said:
            return subprocess.Popen(
                [sys.executable, str(self.folder / "run.py"), *words], text=True, stderr=said,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    def looks(self) -> list[list[str]]:
        """Process and picture of each look, in order."""
        lines = self.diary.read_text().splitlines() if self.diary.exists() else []
        return [line.split() for line in lines if len(line.split()) == 2]

    def receipts(self) -> set[str]:
        """The pictures of which there are receipts of the probe."""
        from vqadata.cleaning.picture_cache import _unpacked

        paths = [p for p in (self.folder / "cache" / "probe").rglob("*") if p.is_file()]
        found = [_unpacked(p.read_bytes()) for p in paths if p.suffix != ".partial"]
        return {d for receipt in found if receipt for d in receipt.facts["digest"].to_pylist()}

    def wait_for(self, point: int, run: subprocess.Popen[str]) -> None:
        while len(self.looks()) < point and run.poll() is None:
            time.sleep(0.001)

    def tree(self) -> dict[str, bytes]:
        out = self.folder / "out"
        return {p.relative_to(out).as_posix(): p.read_bytes()
                for p in sorted(out.rglob("*")) if p.is_file()}  # fmt: skip


class TwoNodes:
    """A Ray cluster of a head without workers and two nodes of one worker each."""

    def __init__(self) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._nodes = [self._node(), self._node()]
        self.address = str(self._cluster.address)

    def _node(self) -> Any:
        # Under the address of this machine: a driver waits where it finds no node under it.
        return self._cluster.add_node(num_cpus=1)

    def lose_one(self, chance: random.Random) -> None:
        """SIGKILL the raylet of a node, and with it its workers; another node comes later."""
        node = self._nodes.pop(chance.randrange(2))
        node.kill_raylet(check_alive=False)
        self._lost: Any = node

    def replace(self) -> None:
        self._cluster.remove_node(self._lost, allow_graceful=False)
        self._nodes.append(self._node())

    def stop(self) -> None:
        self._cluster.shutdown()


class Exam:
    """Many runs that are disturbed, and one that is not."""

    def __init__(self, folder: Path, seed: int, nodes: TwoNodes | None = None) -> None:
        self._folder, self._nodes = folder, nodes
        self._chance = random.Random(seed)
        self._shards = made(folder)
        calm = Case(self._shards, folder / "calm")
        assert calm.start(Hands("local", 0)).wait() == 0, (folder / "calm" / "said").read_text()
        self._calm = calm.tree()

    def victims(self) -> list[str]:
        return ["worker", "driver", "node"] if self._nodes else ["worker", "driver"]

    def hands(self) -> Hands:
        if self._nodes:
            return Hands("ray", 2, self._nodes.address)
        return Hands("local", self._chance.choice([1, 2]))

    def disturb(self, victim: str, number: int) -> str:
        """Kill somebody in the middle of a run; what came of it, in words."""
        case = Case(self._shards, self._folder / f"case{number}")
        run = case.start(self.hands())
        case.wait_for(self._chance.randrange(1, PICTURES), run)
        known = case.receipts()
        before = len(case.looks())
        too_late = run.poll() is not None
        self._kill(victim, run, case)
        status = run.wait(timeout=300)
        said = f"{victim}: too late" if too_late else f"{victim}: same bytes"
        if victim == "driver" and status:
            said += " after a second run"
            time.sleep(1.0)  # workers end with their driver
            problem = self._again(case)
        else:
            problem = "" if status == 0 else "a run that ended"
            repeated = len(case.looks()) - PICTURES + 1  # the broken picture is not looked at
            if repeated > CHUNK * 2:
                problem = problem or f"{repeated} looked at again"
        if known & {picture for _, picture in case.looks()[before:]}:
            problem = problem or "looked at again although there was a receipt"
        if victim == "node" and self._nodes:
            self._nodes.replace()
        if not problem and case.tree() != self._calm:
            problem = "other bytes"
        if not problem:
            shutil.rmtree(case.folder)
        return f"{victim}: FAILED, {problem}, {case.folder}" if problem else said

    def _kill(self, victim: str, run: subprocess.Popen[str], case: Case) -> None:
        if victim == "driver":
            run.kill()
        elif victim == "node" and self._nodes:
            self._nodes.lose_one(self._chance)
        elif looks := case.looks():
            worker = int(looks[-1][0])
            if worker != run.pid:
                kill(worker)

    def _again(self, case: Case) -> str:
        """Give the command again, on whatever engine; what is wrong with that, if anything."""
        before, known = len(case.looks()), case.receipts()
        others = [Hands("local", 0), Hands("local", 2), self.hands()]
        if case.start(self._chance.choice(others)).wait(timeout=300):
            return "the second run failed"
        anew = [picture for _, picture in case.looks()[before:]]
        if known & set(anew) or len(anew) != len(set(anew)):
            return "looked at again although there was a receipt"
        return ""


def kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def outcomes(folder: Path, engine: str, count: int, seed: int) -> Iterator[str]:
    nodes = TwoNodes() if engine == "ray" else None
    try:
        exam = Exam(folder, seed, nodes)
        for number in range(count):
            victims = exam.victims()
            yield exam.disturb(victims[number % len(victims)], number)
    finally:
        if nodes:
            nodes.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    given = parser.parse_args()
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for said in outcomes(Path(folder), given.engine, given.count, given.seed):
            found[said] += 1
            print(said, flush=True)
    for said, number in found.most_common():
        print(f"{number:5} {said}")


if __name__ == "__main__":
    main()
