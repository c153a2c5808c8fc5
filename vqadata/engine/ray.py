"""The engine on Ray: tasks of a few specs, of which any worker, or any machine, may be lost.

Ray would try lost tasks again by itself; here it does not, so that deaths are counted and named the
same way as on one machine. A task costs some milliseconds, so while many specs wait it takes as
many as the stage allows; a spec with which a worker was lost goes alone. Nothing is kept in Ray's
object store but the stage, and what returns are receipts. All calls of Ray come from one thread.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from itertools import chain
from typing import Any, Generic

from vqadata.engine.order import Order
from vqadata.engine.stage import AHEAD, Engine, Receipt, Spec, Stage
from vqadata.errors import MissingExtraError, VqaDataError
from vqadata.groundwork.digests import code_digest

PAUSE = 0.05
"""Seconds after which new specs are looked for while none is done."""

PATIENCE = 120.0
"""Seconds without a receipt after which it is asked whether the cluster has any worker left."""

STARTS = 3
"""Times that a Ray of one's own is started: a busy machine may miss its thirty seconds."""

log = logging.getLogger(__name__)


class Cluster(Engine[Spec, Receipt]):
    """The workers of a Ray cluster.

    Args:
        stage: What they do.
        address: Of the cluster; ``None`` for the one that this program is connected to, or else one
            of its own, on this machine.
        workers: Most specs in hand at a time; by default as many as the cluster has processors.

    Raises:
        MissingExtraError: Ray is not installed.
        VqaDataError: There is no cluster at that address.
    """

    def __init__(
        self, stage: Stage[Spec, Receipt], address: str | None, workers: int | None
    ) -> None:
        """Connect when there is something to do."""
        self._ray = _library()
        self._place = address, workers
        self._stage, self._owns = stage, False
        self._asked: queue.SimpleQueue[Order[Spec, Receipt] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.ahead = 0

    def start(self, spec: Spec) -> Future[Receipt]:
        """Hand a spec out."""
        if self._thread is None:
            self._connect()
        order = Order[Spec, Receipt](spec, self._stage.name_of(spec))
        self._asked.put(order)
        return order.receipt

    def close(self) -> None:
        """Leave the cluster; what is in hand there is stopped, what has a receipt is kept."""
        if self._thread is not None:
            self._asked.put(None)
            self._thread.join()
        if self._owns:
            self._ray.shutdown()

    def _connect(self) -> None:
        self._owns = not self._ray.is_initialized()
        if self._owns:
            _connect(self._ray, *self._place)
        most = self._place[1] or int(self._ray.cluster_resources().get("CPU", 1))
        self.ahead = AHEAD * most * self._stage.bundle
        self._thread = threading.Thread(target=self._run, args=[most], daemon=True)
        self._thread.start()

    def _run(self, most: int) -> None:
        hands = _Hands[Any, Any](self._ray, self._stage, most)
        try:
            while hands.take_orders(self._asked):
                hands.collect()
        except Exception as error:  # noqa: BLE001 - nobody may wait for ever
            hands.give_up(error, self._asked)
        finally:
            hands.stop()


class _Hands(Generic[Spec, Receipt]):
    """What the thread of a cluster knows: what waits, and what is in hand."""

    def __init__(self, ray: Any, stage: Stage[Spec, Receipt], most: int) -> None:
        self._ray, self._most, self._bundle = ray, 2 * most, stage.bundle
        packed = pickle.dumps((code_digest(), stage))
        self._key, self._packed = hashlib.sha256(packed).hexdigest(), ray.put(packed)
        self._task = ray.remote(num_cpus=1, max_retries=0)(_work)
        self._waiting: deque[Order[Spec, Receipt]] = deque()
        self._in_hand: dict[Any, list[Order[Spec, Receipt]]] = {}
        self._last = time.monotonic()

    def take_orders(self, asked: queue.SimpleQueue[Order[Spec, Receipt] | None]) -> bool:
        """Hand out what is asked for; false when no more will be."""
        wait = not self._in_hand and not self._waiting
        while wait or not asked.empty():
            order = asked.get()
            if order is None:
                return False
            self._waiting.append(order)
            wait = False
        while self._waiting and len(self._in_hand) < self._most:
            orders = self._next()
            specs = [order.spec for order in orders]
            self._in_hand[self._task.remote(self._key, [self._packed], specs)] = orders
        return True

    def _next(self) -> list[Order[Spec, Receipt]]:
        """What goes into a task: less when little waits, so that nobody is left without."""
        count = max(1, min(self._bundle, len(self._waiting) // self._most))
        orders = [self._waiting.popleft()]
        while len(orders) < count and not orders[0].deaths and not self._waiting[0].deaths:
            orders.append(self._waiting.popleft())
        return orders

    def collect(self) -> None:
        """Take the receipts that are there, and notice what was lost."""
        done, _ = self._ray.wait(list(self._in_hand), timeout=PAUSE)
        for reference in done:
            self._last = time.monotonic()
            self._take(self._in_hand.pop(reference), reference)
        if time.monotonic() - self._last > PATIENCE:
            self._see_to_workers()

    def _take(self, orders: list[Order[Spec, Receipt]], reference: Any) -> None:
        failures = self._ray.exceptions
        try:
            said: list[Receipt | Exception] = self._ray.get(reference)
        except failures.RayTaskError as error:
            said = [error.cause if isinstance(error.cause, Exception) else error] * len(orders)
        except (
            failures.WorkerCrashedError, failures.NodeDiedError, failures.OutOfMemoryError,
            failures.ObjectLostError, failures.LocalRayletDiedError,
        ) as error:  # fmt: skip
            log.warning("a worker of the cluster was lost (%s)", type(error).__name__)
            left = [order for order in orders if order.may_try_again()]
            self._waiting.extendleft(reversed(left))
            return
        for order, outcome in zip(orders, said, strict=True):
            order.finish(outcome)

    def _see_to_workers(self) -> None:
        self._last = time.monotonic()
        if self._ray.cluster_resources().get("CPU", 0) < 1:
            raise VqaDataError(
                "--engine ray", "the cluster has no worker left", "a machine that works",
                "What has a receipt is kept: the same command, on any engine, goes on from there.",
            )  # fmt: skip

    def give_up(
        self, error: Exception, asked: queue.SimpleQueue[Order[Spec, Receipt] | None]
    ) -> None:
        """Let nobody wait for what will not come."""
        while True:
            for order in chain(*self._in_hand.values(), self._waiting):
                order.receipt.set_exception(error)
            self._in_hand, self._waiting = {}, deque()
            late = asked.get()
            if late is None:
                return
            self._waiting.append(late)

    def stop(self) -> None:
        """End what is in hand."""
        for reference in self._in_hand:
            self._ray.cancel(reference, force=True)
        for order in chain(*self._in_hand.values(), self._waiting):
            order.receipt.cancel()


def _library() -> Any:
    # Ray tells its makers how it is used unless it is told not to, before it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise MissingExtraError("--engine ray", "ray", "ray") from None
    return ray


def _connect(ray: Any, address: str | None, workers: int | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    # Ray's own default is an address that other machines reach.
    own = {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "num_cpus": workers or None}
    for left in reversed(range(1 if address else STARTS)):
        try:
            ray.init(address=address or "local", **(quiet if address else quiet | own))
            return
        except Exception as error:  # noqa: BLE001 - Ray raises plain ones, too
            if not left or "timed out" not in str(error):
                raise _no_cluster(error, address) from None
            log.warning("Ray did not start in the time that it has; starting it again")
            ray.shutdown()


def _no_cluster(error: Exception, address: str | None) -> VqaDataError:
    found = str(error).strip().splitlines()
    return VqaDataError(
        f"--ray-address {address}" if address else "--engine ray",
        found[0] if found else "no answer",
        "the address of a running Ray cluster" if address else "Ray to start on this machine",
        "Start one with `ray start --head`, or leave the option out." if address
        else "Try again when the machine has less to do, or use --engine local.",
    )  # fmt: skip


_opened: dict[str, Callable[[Any], Any]] = {}
"""The opened stages of a worker process, by digest."""


def _work(key: str, packed: list[Any], specs: list[Any]) -> list[Any]:
    """What a worker does: open the stage when it meets it first, and work the specs off."""
    if key not in _opened:
        import ray

        code, stage = pickle.loads(ray.get(packed[0]))  # noqa: S301 - from our own driver
        if code != code_digest():
            raise VqaDataError(
                f"machine {ray.util.get_node_ip_address()}", "other code of vqadata than here",
                "the same version on all machines of the cluster", "Install it there.",
            )  # fmt: skip
        _opened[key] = stage.open()
    return [_outcome(_opened[key], spec) for spec in specs]


def _outcome(work: Callable[[Any], Any], spec: Any) -> Any:
    """The receipt of a spec, or the error that it ended with."""
    try:
        return work(spec)
    except Exception as error:  # noqa: BLE001 - it is raised where the receipt is asked for
        return error
