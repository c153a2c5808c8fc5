"""A run that is killed, and the one after it: same bytes, and nothing is decoded twice."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.killing_workers import made
from vqadata import clean, verify
from vqadata.cleaning.chunks import CHUNK
from vqadata.cleaning.examination import ExaminationOptions

PICTURES = 200

RUN = """
import sys
from pathlib import Path
from tests.probe import Probe
from vqadata import clean
from vqadata.cleaners.audit import Audit
from vqadata.cleaning.examination import ExaminationOptions
if __name__ == "__main__":
    shards, out, cache, diary, workers = sys.argv[1:]
    clean(shards, out, [Audit(), Probe(diary=Path(diary))],
          examination=ExaminationOptions(cache=Path(cache), workers=int(workers)))
"""
"""A clean that writes down each picture that it looks at."""


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("killed"), PICTURES)


def started(shards: Path, folder: Path, workers: int = 0) -> subprocess.Popen[str]:
    (folder / "run.py").write_text(RUN)
    words = [shards, folder / "out", folder / "cache", folder / "diary", workers]
    return subprocess.Popen(
        [sys.executable, str(folder / "run.py"), *map(str, words)], text=True,
        stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip


def looked_at(folder: Path) -> list[str]:
    diary = folder / "diary"
    return [line.split()[1] for line in diary.read_text().splitlines()] if diary.exists() else []


def known(folder: Path) -> set[str]:
    """The pictures of which there are receipts of the probe."""
    from vqadata.cleaning.picture_cache import _unpacked

    receipts = [path for path in (folder / "cache" / "probe").rglob("*")
                if path.is_file() and path.suffix != ".partial"]  # fmt: skip
    found = [_unpacked(path.read_bytes()) for path in receipts]
    return {d for receipt in found if receipt for d in receipt.facts["digest"].to_pylist()}


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "workers"), [(0, 0), (1, 0), (2, 2)])
def test_killed_at_any_point_and_run_again(
    seed: int, workers: int, shards: Path, tmp_path: Path
) -> None:
    point = int(np.random.default_rng(seed).integers(PICTURES))
    run = started(shards, tmp_path, workers)
    while len(looked_at(tmp_path)) < point and run.poll() is None:
        time.sleep(0.001)
    run.kill()
    run.wait()
    time.sleep(0.2 * bool(workers))  # the workers end with it
    before, receipts = looked_at(tmp_path), known(tmp_path)
    again = started(shards, tmp_path)
    assert again.wait() == 0, again.stderr
    anew = looked_at(tmp_path)[len(before) :]
    assert not receipts & set(anew)
    assert len(before) - len(receipts) <= CHUNK * max(1, workers)
    assert len(anew) == len(set(anew))
    assert_same_as_undisturbed(shards, tmp_path)


def assert_same_as_undisturbed(shards: Path, folder: Path) -> None:
    from tests.probe import Probe
    from vqadata.cleaners.audit import Audit

    cleaners = [Audit(), Probe(diary=folder / "diary")]
    clean(shards, folder / "calm", cleaners, examination=ExaminationOptions(no_cache=True))
    files = [sorted(p for p in (folder / name).rglob("*") if p.is_file())
             for name in ("out", "calm")]  # fmt: skip
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]
    assert verify(folder / "out").problems == []


@pytest.mark.slow
def test_an_interrupt_says_what_is_kept(shards: Path, tmp_path: Path) -> None:
    run = started(shards, tmp_path)
    while len(looked_at(tmp_path)) < CHUNK + 3 and run.poll() is None:
        time.sleep(0.001)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate()
    found = re.search(r"(\d+) pictures are examined; the same command goes on from there", said)
    assert found
    assert int(found[1]) % CHUNK == 0
    assert not (tmp_path / "out").exists()


def test_an_interrupt_after_the_pass_says_it_too(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from vqadata.cleaners.audit import Audit

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Audit, "judge", interrupt)
    with pytest.raises(KeyboardInterrupt):
        clean(shards, tmp_path / "out", [Audit()],
              examination=ExaminationOptions(cache=tmp_path / "cache"))  # fmt: skip
    assert f"{PICTURES} pictures are examined; the same command goes on from there" in caplog.text


def test_chained_cleans_add_up(shards: Path, tmp_path: Path) -> None:
    from tests.probe import Probe
    from vqadata.cleaners.audit import Audit

    clean(shards, tmp_path / "one", [Audit()])
    clean(tmp_path / "one", tmp_path / "two", [Probe()])
    manifest = clean(tmp_path / "two", tmp_path / "three", [Audit(action=["gps=drop"])])
    for name in ("one", "two", "three"):
        assert verify(tmp_path / name).problems == []
    assert manifest.questions == 2 * (PICTURES - 2)
    assert [step.name for step in manifest.steps] == ["coco-vqa", "audit", "probe", "audit"]


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing_but_time(tmp_path: Path) -> None:
    """One of the exam's runs; ``make exam`` has more, on Ray as well."""
    from tests.killing_workers import outcomes

    assert list(outcomes(tmp_path, "local", 1, seed=3)) == ["worker: same bytes"]
