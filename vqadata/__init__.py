"""vqadata: visual question answering data, converted, cleaned and sharded, every row accounted for.

The face of the library; everything is imported when it is first used::

    from vqadata import clean, convert, export, load, open_shards, verify
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqadata.cleaning import clean
    from vqadata.conversion import OutputOptions, convert
    from vqadata.errors import VqaDataError
    from vqadata.exporting import export
    from vqadata.figures import stats
    from vqadata.loader.load_options import LoadOptions
    from vqadata.loader.loader import load
    from vqadata.merging import merge, repack
    from vqadata.record import Record
    from vqadata.repairing import repair
    from vqadata.reporting import report
    from vqadata.shards.reader import open_shards
    from vqadata.shards.verify import verify
    from vqadata.splitting import split
    from vqadata.story import explain
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
    "OutputOptions": "vqadata.conversion",
    "Record": "vqadata.record",
    "VqaDataError": "vqadata.errors",
    "clean": "vqadata.cleaning",
    "convert": "vqadata.conversion",
    "diff": "vqadata.versions.comparison",
    "explain": "vqadata.story",
    "export": "vqadata.exporting",
    "load": "vqadata.loader.loader",
    "merge": "vqadata.merging",
    "open_shards": "vqadata.shards.reader",
    "regroup": "vqadata.regrouping",
    "report": "vqadata.reporting",
    "repack": "vqadata.merging",
    "repair": "vqadata.repairing",
    "split": "vqadata.splitting",
    "stats": "vqadata.figures",
    "verify": "vqadata.shards.verify",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vqadata' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
