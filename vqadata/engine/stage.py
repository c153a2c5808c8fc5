"""What engines work off: a stage is one pure function from a spec to a receipt.

A spec names input (a chunk of pictures, the rows of a shard) and a receipt says what became of it.
The function is idempotent: it leaves what it makes under a name that the spec gives, by rename, and
finds what was left there before. So a spec can be handed out again whenever a worker is lost, and
whoever goes on with a run, on whatever engine, does nothing twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import ClassVar, Generic, TypeVar

from vqadata.errors import VqaDataError

Spec = TypeVar("Spec")
Receipt = TypeVar("Receipt")

TRIES = 3
"""Workers that may be lost with one spec in hand before it is given up."""

AHEAD = 4
"""Specs that are handed out in advance for each worker."""


class Stage(ABC, Generic[Spec, Receipt]):
    """One kind of work. It travels to each worker once, so it holds options and places alone.

    Attributes:
        bundle: Most specs that may go to a worker of a cluster in one message.
    """

    bundle: ClassVar[int] = 1

    @abstractmethod
    def open(self) -> Callable[[Spec], Receipt]:
        """The function, with what it needs opened; called once in each worker."""

    @abstractmethod
    def name_of(self, spec: Spec) -> str:
        """What a person calls a spec."""

    def modules(self) -> list[str]:
        """Names of modules that the function will need: loaded once for all local processes."""
        return [type(self).__module__]


class Engine(ABC, Generic[Spec, Receipt]):
    """Works specs off; see :func:`vqadata.engine.hiring.hire`.

    Attributes:
        ahead: Specs that may be handed out before the first receipt is asked for.
    """

    ahead: int

    def prepare(self) -> None:
        """Get ready for specs that will come for certain, while the program makes them."""

    @abstractmethod
    def start(self, spec: Spec) -> Future[Receipt]:
        """Hand a spec out.

        The receipt's future raises what the function raised, or :class:`LostWorkError`.
        """


class LostWorkError(VqaDataError):
    """A spec that was given up: each worker that had it in hand was lost."""

    def __init__(self, name: str, tries: int) -> None:
        """Name the spec."""
        self._given = (name, tries)
        super().__init__(
            name,
            f"{tries} worker processes died of it, one after the other",
            "a worker that lives",
            "The other work is kept: the same command goes on from there.",
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes."""
        return type(self), self._given
