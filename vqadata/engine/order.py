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
    """

    def __init__(self, spec: Spec, name: str) -> None:
        """Nobody has it yet."""
        self.spec, self._name = spec, name
        self.receipt: Future[Receipt] = Future()
        self._deaths = 0

    def may_try_again(self) -> bool:
        """Count a worker that was lost with it; after too many it is given up."""
        self._deaths += 1
        if self._deaths >= TRIES:
            self.receipt.set_exception(LostWorkError(self._name, self._deaths))
        return self._deaths < TRIES

    def finish(self, done: Future[Receipt]) -> None:
        """Take over what became of it."""
        error = done.exception()
        if error is None:
            self.receipt.set_result(done.result())
        else:
            self.receipt.set_exception(error)
