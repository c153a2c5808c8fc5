"""The first and the last lines of a program: an interrupt is no traceback, however early or late.

This is imported before anything that takes a moment to load, and must itself take none.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

EXIT_INTERRUPTED = 130
"""Exit status of a program that was interrupted, as shells have it."""


def enter(load: Callable[[], Callable[[], None]]) -> None:
    """Load a program, run it and leave the process.

    Args:
        load: Imports the program, and gives its main function, which ends in ``SystemExit``.
    """
    try:
        load()()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        sys.exit(EXIT_INTERRUPTED)
    finally:
        # All is done and said: what is left is to remove what workers were begun with.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
