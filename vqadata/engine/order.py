"""A spec on its way: handed out, perhaps several times, until its receipt is there."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Generic

from vqadata.engine.stage import TRIES, LostWorkError, Receipt, Spec


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
