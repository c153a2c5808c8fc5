"""vqadata: visual question answering data, converted, cleaned and sharded, every row accounted for.

The face of the library; everything is imported when it is first used::

    from vqadata import clean, convert, export, load, open_shards, verify
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqadata.cleaning.cleaning import clean
    from vqadata.converting.conversion import OutputOptions, convert
    from vqadata.errors import VqaDataError
    from vqadata.exporting.exporting import export
    from vqadata.loader.load_options import LoadOptions
    from vqadata.loader.loader import load
    from vqadata.rearranging.merging import merge, repack
    from vqadata.rearranging.repairing import repair
    from vqadata.rearranging.splitting import split
    from vqadata.record import Record
    from vqadata.reports.figures import stats
    from vqadata.reports.reporting import report
    from vqadata.reports.story import explain
    from vqadata.shards.reader import open_shards
    from vqadata.shards.verify import verify
    from vqadata.versions.comparison import diff

__all__ = [
    "LoadOptions",
    "OutputOptions",
    "Record",
    "VqaDataError",
    "clean",
    "convert",
    "diff",
    "explain",
    "export",
    "load",
    "merge",
    "open_shards",
    "regroup",
    "repack",
    "repair",
    "report",
    "split",
    "stats",
    "verify",
]

_HOMES = {
    "LoadOptions": "vqadata.loader.load_options",
    "OutputOptions": "vqadata.converting.conversion",
    "Record": "vqadata.record",
    "VqaDataError": "vqadata.errors",
    "clean": "vqadata.cleaning.cleaning",
    "convert": "vqadata.converting.conversion",
    "diff": "vqadata.versions.comparison",
    "explain": "vqadata.reports.story",
    "export": "vqadata.exporting.exporting",
    "load": "vqadata.loader.loader",
    "merge": "vqadata.rearranging.merging",
    "open_shards": "vqadata.shards.reader",
    "regroup": "vqadata.rearranging.regrouping",
    "report": "vqadata.reports.reporting",
    "repack": "vqadata.rearranging.merging",
    "repair": "vqadata.rearranging.repairing",
    "split": "vqadata.rearranging.splitting",
    "stats": "vqadata.reports.figures",
    "verify": "vqadata.shards.verify",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vqadata' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
