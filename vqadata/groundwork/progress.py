"""How far a long work has come: a line on the terminal, and an entry in a log of JSON."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import Self

INTERVAL = 0.2
"""Seconds between two states of the line."""

LOG_INTERVAL = 10.0
"""Seconds between two entries of the log."""

log = logging.getLogger("vqadata.told")
"""What programs are told and persons see otherwise; silent but with ``--log-json``."""


class Progress:
    """Shows a count, its rate and the time that is left on standard error, if that is a terminal.

    Args:
        what: What is counted: ``pictures examined``.
        total: How many there are at most; 0 where that is not known.
    """

    def __init__(self, what: str, total: int) -> None:
        """Show nothing yet."""
        self._what, self._total, self._done = what, total, 0
        self._reasons: Counter[str] = Counter()
        self._shown = sys.stderr.isatty()
        self._start = self._last = self._logged = time.monotonic()

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the line away."""
        self._log(time.monotonic())
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def advance(self, count: int, reasons: Mapping[str, int] | None = None) -> None:
        """Count some more, and the reasons for which some of them are lost."""
        self._done += count
        self._reasons.update(reasons or {})
        now = time.monotonic()
        if self._shown and now - self._last >= INTERVAL:
            self._last = now
            sys.stderr.write(f"\r\x1b[K{self.line(now - self._start)}")
            sys.stderr.flush()

        if now - self._logged >= LOG_INTERVAL:
            self._log(now)

    def _log(self, now: float) -> None:
        self._logged, seconds = now, now - self._start
        told = {
            "event": "progress", "what": self._what, "done": self._done, "of": self._total or None,
            "seconds": round(seconds, 1), "reasons": dict(self._reasons),
        }  # fmt: skip
        log.debug(self.line(seconds), extra={"told": told})

    def line(self, seconds: float) -> str:
        """What is shown after a time of work.

        >>> progress = Progress("pictures examined", 1000)
        >>> progress.advance(250, {"truncated": 2})
        >>> progress.line(50.0)
        '250 of 1,000 pictures examined, 5.0 a second, 2:30 left, 2 truncated'
        """
        rate = self._done / seconds if seconds > 0 else 0.0
        total = f" of {self._total:,}" if self._total else ""
        text = f"{self._done:,}{total} {self._what}, {rate:,.1f} a second"
        lost = "".join(f", {count:,} {reason}" for reason, count in self._reasons.most_common(3))
        if not rate or not self._total:
            return text + lost
        minutes, left = divmod(round((self._total - self._done) / rate), 60)
        hours, minutes = divmod(minutes, 60)
        return (
            f"{text}, "
            + (f"{hours}:{minutes:02}:" if hours else f"{minutes}:")
            + f"{left:02} left{lost}"
        )
