"""Specs on their way: handed out, perhaps several times, until their receipts are there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Generic

from vqadata.engine.stage import TRIES, Engine, LostWorkError, Receipt, Spec


class Order(Generic[Spec, Receipt]):
    """One spec for whoever takes it.

    Attributes:
        spec: What is to be done.
        receipt: Set when it is done, or given up.
        deaths: Workers that were lost with it in hand.
    """

    def __init__(self, spec: Spec, name: str) -> None:
        """Nobody has it yet."""
        self.spec, self._name = spec, name
        self.receipt: Future[Receipt] = Future()
        self.deaths = 0

    def may_try_again(self) -> bool:
        """Count a worker that was lost with it; after too many it is given up."""
        self.deaths += 1
        if self.deaths >= TRIES:
            self.receipt.set_exception(LostWorkError(self._name, self.deaths))
        return self.deaths < TRIES

    def finish(self, outcome: Receipt | BaseException) -> None:
        """Take over what became of it."""
        if isinstance(outcome, BaseException):
            self.receipt.set_exception(outcome)
        else:
            self.receipt.set_result(outcome)


def in_order(
    specs: Iterable[Spec], engine: Engine[Spec, Receipt]
) -> Iterator[tuple[Spec, Receipt]]:
    """Hand specs out as they come, as many as the engine takes; yield receipts in their order."""
    waiting: deque[tuple[Spec, Future[Receipt]]] = deque()
    for spec in specs:
        waiting.append((spec, engine.start(spec)))
        while waiting and (len(waiting) > engine.ahead or waiting[0][1].done()):
            first, receipt = waiting.popleft()
            yield first, receipt.result()
    for first, receipt in waiting:
        yield first, receipt.result()
