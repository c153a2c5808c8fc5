"""Engines on this machine: the program itself, threads, or processes of which any may die.

``ProcessPoolExecutor`` gives up when one of its processes dies, and does not say what that one had
in hand. So each worker is an executor of one process: what it was given last is known, and a new
one takes its place. Where the system can, workers are forked from a process that has loaded what
they need and does nothing else: forked from this one, they would find its locks as its threads hold
them.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from typing import Any

from vqadata.engine.order import Order
from vqadata.engine.stage import AHEAD, Engine, Receipt, Spec, Stage
from vqadata.errors import VqaDataError

DEPTH = 2
"""Specs that lie with a worker: the one in hand, and the next, so that it need not wait."""

PAUSES = (0.02, 0.2, 2.0, 0.0)
"""Seconds after which a process that could not be begun is tried again; then it is given up."""

WARM = "vqadata.engine.warm"
"""The module that a process imports before it works."""

CANNOT_BEGIN = (OSError, EOFError, RuntimeError)
"""What is raised where a process, or the thread that talks to it, cannot be begun."""

log = logging.getLogger(__name__)


class Alone(Engine[Spec, Receipt]):
    """No worker but the program itself: a spec is done when it is handed out."""

    ahead = 0

    def __init__(self, stage: Stage[Spec, Receipt]) -> None:
        """Open the stage."""
        self._work = stage.open()

    def start(self, spec: Spec) -> Future[Receipt]:
        """Do it."""
        done: Future[Receipt] = Future()
        done.set_result(self._work(spec))
        return done


class Threads(Engine[Spec, Receipt]):
    """Threads of this process, which share what is open."""

    def __init__(self, stage: Stage[Spec, Receipt], count: int) -> None:
        """Open the stage."""
        self.ahead = AHEAD * count
        self._work, self._executor = stage.open(), ThreadPoolExecutor(count)

    def start(self, spec: Spec) -> Future[Receipt]:
        """Hand a spec out."""
        return self._executor.submit(self._work, spec)

    def close(self) -> None:
        """Wait for what is in hand; forget the rest."""
        self._executor.shutdown(cancel_futures=True)


class Processes(Engine[Spec, Receipt]):
    """Processes of this machine; one that dies is replaced, and what it had in hand is done again.

    Args:
        stage: What they do.
        count: How many.
    """

    def __init__(self, stage: Stage[Spec, Receipt], count: int) -> None:
        """Start none yet: where all is known, none is needed."""
        self.ahead = AHEAD * count
        self._stage, self._count, self._seats = stage, count, list[_Seat]()
        self._waiting: deque[Order[Spec, Receipt]] = deque()
        # The callbacks of one executor run in its thread, and may hand out more.
        self._lock = threading.RLock()
        self._is_closed = False

    def prepare(self) -> None:
        """Start the process from which workers are forked: it loads while this one goes on."""
        if not self._seats:
            hire = partial(ProcessPoolExecutor, 1, _context(self._stage), _sit_down, (self._stage,))
            self._seats = [_Seat(hire) for _ in range(self._count)]

    def start(self, spec: Spec) -> Future[Receipt]:
        """Hand a spec out."""
        order = Order[Spec, Receipt](spec, self._stage.name_of(spec))
        with self._lock:
            self.prepare()
            self._waiting.append(order)
            self._hand_out()
        return order.receipt

    def close(self) -> None:
        """Wait for what is in hand, unless interrupted once more; forget the rest."""
        self._is_closed = True
        left = [process for seat in self._seats for process in seat.processes]
        try:
            with self._lock:
                for order in self._waiting:
                    order.receipt.cancel()
            for executor in filter(None, [seat.executor for seat in self._seats]):
                executor.shutdown(cancel_futures=True)
        except KeyboardInterrupt:
            for process in left:
                process.terminate()
            raise

    def _hand_out(self) -> None:
        """Give what waits to those who have the least."""
        while self._waiting and not self._is_closed:
            seat = min(self._seats, key=lambda seat: len(seat.orders))
            if len(seat.orders) >= DEPTH:
                return
            self._give(seat, self._waiting.popleft())

    def _give(self, seat: _Seat, order: Order[Spec, Receipt]) -> None:
        try:
            done = seat.submit(order.spec)
        except VqaDataError as error:
            order.finish(error)
            return
        seat.orders.append(order)
        done.add_done_callback(partial(self._take, seat, seat.executor, order))

    def _take(
        self,
        seat: _Seat,
        executor: ProcessPoolExecutor | None,
        order: Order[Spec, Receipt],
        done: Future[Receipt],
    ) -> None:
        """Take a receipt, or notice that the worker died."""
        with self._lock:
            seat.orders.remove(order)
            if done.cancelled() or self._is_closed:
                order.receipt.cancel()
                return
            if not isinstance(done.exception(), BrokenProcessPool):
                order.finish(done.exception() or done.result())
            else:
                # What it was given first was in its hand; that comes first here as well.
                if (in_hand := seat.executor is executor) and not self._is_closed:
                    seat.leave()
                if not in_hand or order.may_try_again():
                    self._waiting.appendleft(order)
            self._hand_out()


class _Seat:
    """One worker, or the next one in its place."""

    def __init__(self, hire: Callable[[], ProcessPoolExecutor]) -> None:
        self.orders: list[Order[Any, Any]] = []
        self.executor: ProcessPoolExecutor | None = None
        """Who sits here; ``None`` until there is work for somebody."""
        self._hire = hire

    def submit(self, spec: Any) -> Future[Any]:
        """Give a spec to who sits here; where nobody does any more, to the next one.

        Raises:
            VqaDataError: No process can be started.
        """
        problem: Exception = ValueError("never tried")
        for pause in PAUSES:
            try:
                with _unheard():
                    self.executor = self.executor or self._hire()
                    return self.executor.submit(_work, spec)
            except BrokenProcessPool as error:  # it died with nothing in hand
                problem = error
            except CANNOT_BEGIN as error:
                # When the process that workers are forked from is killed, its socket is gone a
                # moment before the system says that it is dead; only then another one is begun.
                problem = error
                time.sleep(pause)
            self.leave()
        raise _no_process(problem)

    def leave(self) -> None:
        """Make room for the next one."""
        if self.executor is not None:
            log.warning("a worker process died; another one takes its place")
            left = self.processes
            self.executor.shutdown(wait=False)
            for process in left:  # one that has begun without whoever talks to it waits for ever
                process.terminate()
        self.executor = None

    @property
    def processes(self) -> list[Any]:
        """The process that sits here, if one was begun."""
        found = None if self.executor is None else self.executor._processes
        return [*(found or {}).values()]


def _no_process(error: Exception) -> VqaDataError:
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return VqaDataError(
        "--workers", f"no worker process can be started: {why}", "processes that begin",
        "Use fewer, or --worker-kind threads, or --workers 0.",
    )  # fmt: skip


def _context(stage: Stage[Any, Any]) -> Any:
    """How processes are begun: forked from one that has loaded what they need, where that can be.

    That one is started now.
    """
    import multiprocessing

    if "forkserver" in multiprocessing.get_all_start_methods():
        from multiprocessing import resource_tracker
        from multiprocessing.forkserver import ensure_running

        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*stage.modules(), WARM])
        with suppress(OSError):  # the name of its socket may be too long for the system
            resource_tracker.ensure_running()  # which lets interrupts through again
            with _unheard():
                ensure_running()
            return context
    return multiprocessing.get_context("spawn")


@contextmanager
def _unheard() -> Iterator[None]:
    """Let no process that is started meanwhile hear an interrupt; this one hears it afterwards.

    A terminal sends it to all of them, and a process that is still loading would end in a
    traceback. Whoever is started inherits what its parent blocks. That does not keep it from this
    process, where another thread may take it; and a worker that was begun without whoever talks to
    it would be waited for at the end, for ever.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    heard: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    if is_main:
        handler = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if is_main:
            signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
            if heard:
                signal.raise_signal(signal.SIGINT)


_opened: list[Callable[[Any], Any]] = []
"""The opened stage of a worker process."""


def _sit_down(stage: Stage[Any, Any]) -> None:
    """Begin to be a worker process: leave interrupts to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_module(WARM)
    try:
        work = stage.open()
    except Exception as error:  # noqa: BLE001 - raised where a receipt is asked for
        work = partial(_refuse, error)
    _opened.append(work)


def _refuse(error: Exception, _: Any) -> Any:
    raise error


def _end_with_parent() -> None:
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(spec: Any) -> Any:
    return _opened[0](spec)
