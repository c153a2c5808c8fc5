"""How much may be under way at a time: requests, and the pixels of their pictures.

A small file can hold a large picture, so what waits is bounded by what it takes in memory (three
bytes a pixel), before any of it is decoded.
"""

from __future__ import annotations

import threading


class Full(Exception):  # noqa: N818 - a state, which the client is told of
    """As much is under way as may be."""


class Room:
    """Counts what is under way; safe for threads.

    Args:
        most: How much may be under way.
    """

    def __init__(self, most: int) -> None:
        """Nothing is under way."""
        self.most, self.taken = most, 0
        self._lock = threading.Lock()

    def take(self, amount: int) -> None:
        """Let something in.

        Raises:
            Full: There is no room for it now.
        """
        with self._lock:
            if self.taken + amount > self.most:
                raise Full
            self.taken += amount

    def give(self, amount: int) -> None:
        """Let it out again."""
        with self._lock:
            self.taken -= amount
