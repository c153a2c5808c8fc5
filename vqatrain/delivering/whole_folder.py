"""A folder that is there when it is whole: written beside its place, and renamed in the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vqadata.errors import OptionError


def refuse_existing(out: Path) -> None:
    """Refuse, before hours of work, to write over a folder.

    Raises:
        OptionError: There is something at that place.
    """
    if out.exists():
        raise OptionError("--out", f"{out} exists", "a new folder", "Choose another name.")


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """An empty folder to write in, which becomes ``out`` if the context ends without an error.

    Args:
        out: Does not exist; what a killed run left beside it is removed.
    """
    folder = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    folder.replace(out)
