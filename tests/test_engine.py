"""Engines: whoever is killed with a spec in hand, it is done; one that kills is named."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vqadata.engine.hiring import EngineOptions, hire
from vqadata.engine.order import Order
from vqadata.engine.ray import _connect, _Hands
from vqadata.engine.stage import TRIES, LostWorkError, Stage
from vqadata.errors import MissingExtraError, VqaDataError


class Sum(NamedTuple):
    number: int
    deaths: int = 0
    """Workers that it kills before it lets itself be done."""


class Sums(Stage[Sum, int]):
    """Adds 1; writes down who began what."""

    def __init__(self, diary: Path, seconds: float = 0.0) -> None:
        self.diary, self.seconds = diary, seconds

    def open(self) -> Callable[[Sum], int]:
        return self._add

    def name_of(self, spec: Sum) -> str:
        return f"sum {spec.number}"

    def _add(self, spec: Sum) -> int:
        begun = f"{spec.number}\n"
        with self.diary.open("a") as file:
            file.write(f"{os.getpid()} {begun}")
        if self.diary.read_text().count(f" {begun}") <= spec.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        if spec.number < 0:
            raise VqaDataError(f"sum {spec.number}", "negative")
        time.sleep(self.seconds)
        return spec.number + 1


def outcomes(futures: list[Future[int]]) -> Iterator[object]:
    for future in futures:
        error = future.exception(timeout=120)
        yield future.result() if error is None else error


LOCAL = [
    EngineOptions(workers=0),
    EngineOptions(workers=2, worker_kind="threads"),
    EngineOptions(workers=1),
    EngineOptions(workers=3),
]


@pytest.mark.parametrize("options", LOCAL, ids=["alone", "threads", "one", "three"])
def test_every_spec_is_done_once(options: EngineOptions, tmp_path: Path) -> None:
    stage = Sums(tmp_path / "diary")
    with hire(stage, options, is_much=True) as engine:
        assert list(outcomes([engine.start(Sum(n)) for n in range(20)])) == [*range(1, 21)]
    assert len(stage.diary.read_text().splitlines()) == 20


def test_what_a_worker_had_in_hand_is_done_by_the_next(tmp_path: Path) -> None:
    stage = Sums(tmp_path / "diary")
    specs = [Sum(n, deaths=1 if n in (3, 7) else 0) for n in range(12)]
    with hire(stage, EngineOptions(workers=2), is_much=True) as engine:
        assert list(outcomes([engine.start(s) for s in specs])) == [*range(1, 13)]
    begun = [line.split()[1] for line in stage.diary.read_text().splitlines()]
    assert sorted(begun) == sorted(str(s.number) for s in [*specs, Sum(3), Sum(7)])


def test_a_spec_that_kills_every_worker_is_given_up_by_name(tmp_path: Path) -> None:
    specs = [Sum(n, deaths=99 if n == 2 else 0) for n in range(6)]
    with hire(Sums(tmp_path / "diary"), EngineOptions(workers=1), is_much=True) as engine:
        *rest, lost = sorted(outcomes([engine.start(s) for s in specs]), key=str)
    assert rest == [1, 2, 4, 5, 6]
    assert isinstance(lost, LostWorkError)
    assert str(lost).startswith(f"sum 2: {TRIES} worker processes died of it")
    assert (tmp_path / "diary").read_text().count(" 2\n") == TRIES


def test_an_error_of_the_work_reaches_who_asks(tmp_path: Path) -> None:
    with hire(Sums(tmp_path / "diary"), EngineOptions(workers=1), is_much=True) as engine:
        (error,) = outcomes([engine.start(Sum(-1))])
    assert isinstance(error, VqaDataError)
    assert error.found == "negative"


def test_a_worker_that_is_killed_while_it_has_nothing_is_replaced(tmp_path: Path) -> None:
    stage = Sums(tmp_path / "diary")
    with hire(stage, EngineOptions(workers=1), is_much=True) as engine:
        assert list(outcomes([engine.start(Sum(1))])) == [2]
        os.kill(int(stage.diary.read_text().split()[0]), signal.SIGKILL)
        time.sleep(0.1)
        assert list(outcomes([engine.start(Sum(2))])) == [3]


def test_workers_are_replaced_when_what_they_are_forked_from_dies(tmp_path: Path) -> None:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("workers are not forked here")
    stage = Sums(tmp_path / "diary", seconds=0.1)
    with hire(stage, EngineOptions(workers=2), is_much=True) as engine:
        futures = [engine.start(Sum(n)) for n in range(12)]
        assert futures[0].result(timeout=60) == 1
        worker = int(stage.diary.read_text().split()[0])
        told = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        assert int(told[1]) != os.getpid()
        os.kill(int(told[1]), signal.SIGKILL)
        assert list(outcomes(futures)) == [*range(1, 13)]


def test_a_process_that_cannot_be_begun_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("workers are not forked here")
    refusals: list[BaseException] = [ConnectionRefusedError(111, "refused"), EOFError("gone")]
    connect = multiprocessing.forkserver.connect_to_new_process

    def refused_twice(fds: list[int]) -> tuple[int, int]:
        if refusals:
            raise refusals.pop()
        return connect(fds)

    stage = Sums(tmp_path / "diary")
    monkeypatch.setattr("multiprocessing.forkserver.connect_to_new_process", refused_twice)
    with hire(stage, EngineOptions(workers=2), is_much=True) as engine:
        assert list(outcomes([engine.start(Sum(n)) for n in range(6)])) == [*range(1, 7)]
    assert not refusals
    assert len(stage.diary.read_text().splitlines()) == 6


def test_where_no_process_can_be_begun_the_run_ends_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("workers are not forked here")

    def refused(fds: list[int]) -> tuple[int, int]:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.forkserver.connect_to_new_process", refused)
    monkeypatch.setattr("vqadata.engine.local.PAUSES", (0.0, 0.0))
    with hire(Sums(tmp_path / "diary"), EngineOptions(workers=1), is_much=True) as engine:
        (outcome,) = outcomes([engine.start(Sum(1))])
    assert isinstance(outcome, VqaDataError)
    assert "no worker process can be started: Resource temporarily unavailable" in str(outcome)


def test_a_process_that_cannot_be_started_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")  # no semaphore fits into /dev/shm

    monkeypatch.setattr("vqadata.engine.local.ProcessPoolExecutor", full)
    with hire(Sums(tmp_path / "diary"), EngineOptions(workers=2), is_much=True) as engine:
        found = list(outcomes([engine.start(Sum(n)) for n in range(3)]))
    (said,) = {str(error) for error in found}
    assert said.startswith("--workers: no worker process can be started: No space left on device;")


def test_an_interrupt_while_a_worker_is_begun_leaves_nobody_to_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come by another thread, whatever this one blocks."""
    submit, done = ProcessPoolExecutor.submit, list[bool]()

    def interrupted(executor: ProcessPoolExecutor, *given: Any) -> Future[Any]:
        handler = signal.getsignal(signal.SIGINT)
        assert callable(handler)
        handler(signal.SIGINT, None)
        future = submit(executor, *given)
        done.append(True)
        return future

    monkeypatch.setattr(ProcessPoolExecutor, "submit", interrupted)
    stage = Sums(tmp_path / "diary")
    with (
        pytest.raises(KeyboardInterrupt),
        hire(stage, EngineOptions(workers=1), is_much=True) as engine,
    ):
        engine.start(Sum(1))
    assert done == [True]
    assert multiprocessing.active_children() == []


def test_who_is_interrupted_twice_does_not_wait_for_what_is_in_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutdown = ProcessPoolExecutor.shutdown

    def interrupted(executor: ProcessPoolExecutor, wait: bool = True, **given: Any) -> None:
        shutdown(executor, wait=False, **given)
        if wait:
            raise KeyboardInterrupt

    stage, begun = Sums(tmp_path / "diary", seconds=60), time.monotonic()
    with (  # noqa: PT012
        pytest.raises(KeyboardInterrupt),
        hire(stage, EngineOptions(workers=2), is_much=True) as engine,
    ):
        futures = [engine.start(Sum(n)) for n in range(4)]
        while len(multiprocessing.active_children()) < 2 or not stage.diary.exists():
            time.sleep(0.01)
        monkeypatch.setattr(ProcessPoolExecutor, "shutdown", interrupted)
    while not all(future.done() for future in futures):
        time.sleep(0.01)
    assert time.monotonic() - begun < 30


class Damaged(Sums):
    """Reads something before it begins, which is damaged."""

    def open(self) -> Callable[[Sum], int]:
        raise VqaDataError("shard", "damaged")


def test_what_keeps_a_worker_from_beginning_reaches_who_asks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with hire(Damaged(tmp_path / "diary"), EngineOptions(workers=2), is_much=True) as engine:
        found = list(outcomes([engine.start(Sum(n)) for n in range(3)]))
    assert [str(error) for error in found] == ["shard: damaged"] * 3
    assert capfd.readouterr().err == ""


INTERRUPTED = """
import multiprocessing.forkserver, os, signal, time
from vqadata.engine.hiring import EngineOptions, hire
from vqadata.engine.stage import Stage

class Masked(Stage):
    def open(self):
        return lambda _: signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    def name_of(self, spec):
        return spec

if __name__ == "__main__":
    with hire(Masked(), EngineOptions(workers=1), True) as engine:
        engine.prepare()
        os.kill(multiprocessing.forkserver._forkserver._forkserver_pid, signal.SIGINT)
        print(engine.start("").result(), signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""


def test_who_still_loads_does_not_hear_an_interrupt(tmp_path: Path) -> None:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("workers are not forked here")
    (tmp_path / "begin.py").write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "begin.py")], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("True set()\n", "")


def test_where_nothing_can_be_forked_workers_begin_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr("multiprocessing.forkserver.ensure_running", fail)
    stage = Sums(tmp_path / "diary")
    with hire(stage, EngineOptions(workers=1), is_much=True) as engine:
        assert engine.start(Sum(1)).result(timeout=120) == 2


def test_nothing_is_started_where_there_is_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    monkeypatch.setattr("multiprocessing.forkserver.ensure_running", lambda: started.append(True))
    with hire(Sums(tmp_path / "diary"), EngineOptions(workers=2), is_much=True) as engine:
        assert started == []
        engine.prepare()
        engine.prepare()
        assert started == [True]


BEGIN = """
import sys
from vqadata.engine.hiring import EngineOptions, hire
from vqadata.engine.stage import Stage

class Ask(Stage):
    def open(self):
        return sys.modules.__contains__
    def name_of(self, spec):
        return spec
    def modules(self):
        return ["sqlite3"]

if __name__ == "__main__":
    with hire(Ask(), EngineOptions(workers=1), True) as engine:
        print(*[engine.start(name).result() for name in ("sqlite3", "pyarrow", "pandas")])
"""


def test_a_worker_begins_with_what_its_stage_needs(tmp_path: Path) -> None:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("workers are not forked here")
    (tmp_path / "begin.py").write_text(BEGIN)
    said = subprocess.check_output([sys.executable, str(tmp_path / "begin.py")], text=True)
    assert said.split() == ["True", "True", "False"]


def test_who_leaves_does_not_wait_for_what_was_not_begun(tmp_path: Path) -> None:
    stage = Sums(tmp_path / "diary", seconds=0.2)
    with hire(stage, EngineOptions(workers=1), is_much=True) as engine:
        futures = [engine.start(Sum(n)) for n in range(50)]
        futures[0].result(timeout=60)
    assert all(future.done() for future in futures)
    assert len(stage.diary.read_text().splitlines()) < 10


def test_without_ray_its_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'vqadata\[ray\]'"),
        hire(Sums(tmp_path / "diary"), EngineOptions(engine="ray"), is_much=True),
    ):
        pass


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    options = EngineOptions(engine="ray", ray_address="nonsense")
    with (
        pytest.raises(VqaDataError, match="expected the address of a running Ray cluster"),
        hire(Sums(tmp_path / "diary"), options, is_much=True) as engine,
    ):
        engine.start(Sum(1))


class SlowRay:
    """A Ray that is not up in time."""

    def __init__(self, failures: list[str]) -> None:
        self.failures, self.begun = failures, 0

    def init(self, **_: object) -> None:
        self.begun += 1
        if self.failures:
            raise RuntimeError(self.failures.pop())

    def shutdown(self) -> None:
        pass


LATE = "The current node timed out during startup."


def test_a_ray_that_is_late_is_started_again() -> None:
    slow = SlowRay([LATE, LATE])
    _connect(slow, None, 2)
    assert slow.begun == 3


@pytest.mark.parametrize(
    ("failures", "address", "begun"),
    [([LATE] * 3, None, 3), (["no such address"], None, 1), ([LATE], "10.0.0.1:6379", 1)],
)
def test_a_ray_that_does_not_come_is_told_of(
    failures: list[str], address: str | None, begun: int
) -> None:
    slow = SlowRay(list(failures))
    with pytest.raises(VqaDataError, match=failures[0]):
        _connect(slow, address, 2)
    assert slow.begun == begun


class Bundled(Sums):
    """Goes to a cluster several at a time."""

    bundle = 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Sums, Bundled])
def test_ray_does_the_same_through_deaths(kind: type[Sums], tmp_path: Path) -> None:
    pytest.importorskip("ray")
    stage = kind(tmp_path / "diary", seconds=0.01)
    specs = [Sum(n, deaths={12: 1, 25: 99}.get(n, 0)) for n in (*range(40), -1)]
    with hire(stage, EngineOptions(engine="ray", workers=2), is_much=True) as engine:
        found = list(outcomes([engine.start(s) for s in specs]))
    assert isinstance(found.pop(), VqaDataError)
    assert isinstance(found.pop(25), LostWorkError)
    assert found == [n + 1 for n in range(40) if n != 25]
    begun = stage.diary.read_text()
    assert begun.count(" 25\n") == TRIES
    assert max(begun.count(f" {n}\n") for n in range(40) if n not in (12, 25)) <= 3


def test_a_bundle_is_small_while_little_waits() -> None:
    class Ray:
        """Takes tasks and does none."""

        def __init__(self) -> None:
            self.given: list[list[Sum]] = []

        def put(self, _: object) -> str:
            return "stage"

        def remote(self, *given: object, **_: object) -> Any:
            if _:
                return lambda _: self
            self.given.append(given[2])  # type: ignore[arg-type]
            return len(self.given)

    ray = Ray()
    hands = _Hands[Sum, int](ray, Bundled(Path("diary")), most=1)
    asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for n in range(12):
        asked.put(Order[Sum, int](Sum(n), str(n)))
    assert hands.take_orders(asked)
    assert [len(specs) for specs in ray.given] == [4, 4]
    hands._in_hand.clear()
    assert hands.take_orders(asked)
    assert [len(specs) for specs in ray.given] == [4, 4, 2, 1]


class Loaded(Stage[str, bool]):
    """Says whether a module was loaded."""

    def open(self) -> Callable[[str], bool]:
        return self._is_loaded

    def name_of(self, spec: str) -> str:
        return spec

    def _is_loaded(self, spec: str) -> bool:
        import pyarrow as pa

        pa.RecordBatch.from_pylist([{"a": [1]}])
        return spec in sys.modules


def test_a_worker_loads_no_pandas_for_pyarrow() -> None:
    with hire(Loaded(), EngineOptions(workers=1), is_much=True) as engine:
        found = [engine.start(name).result(timeout=120) for name in ("pyarrow", "pandas")]
    assert found == [True, False]
