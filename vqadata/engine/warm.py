"""What a worker process has loaded before it begins, so that each need not load it for itself.

The process from which workers are forked imports this once; where there is no such process, each
worker does.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder


class _Absent(MetaPathFinder):
    """Says that pandas is not installed."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("left out", name=fullname)


def _leave_pandas_out() -> None:
    """Keep pyarrow from loading pandas, which is a third of the start of a worker.

    It does so once, where pandas is installed, before it takes its first Python list for no Series.
    A stage that has loaded pandas itself keeps it.
    """
    import pyarrow as pa

    if "pandas" not in sys.modules:
        absent = _Absent()
        sys.meta_path.insert(0, absent)
        try:
            pa.array([0])
        finally:
            sys.meta_path.remove(absent)


_leave_pandas_out()
