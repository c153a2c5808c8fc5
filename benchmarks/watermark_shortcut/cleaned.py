"""What the cleaner did to the marked pictures, and what it left."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.watermark_shortcut import pictures
from benchmarks.watermark_shortcut.marks import ARMS

SHOWN = 6
"""Pictures on the sheet."""


class Account(NamedTuple):
    """Every training picture, by whether it was marked and what became of it."""

    marked: int
    masked: int
    """Marked, and filled with proof."""
    flagged: int
    """Marked and seen, but left as they are."""
    unseen: int
    """Marked, and not noticed."""
    others_touched: int
    """Not marked, and filled or flagged all the same."""
    left: float
    """Mean distance of a marked picture, as the model sees it, from the picture that was never
    marked, over the pixels of the mark and after cleaning: 1 for all of the mark, 0 for nothing."""


def account(out: Path) -> Account:
    """Hold what the cleaner says against what was marked."""
    clean, marked, cleaned = (out / "raw-small" / arm / "train" / "images" for arm in ARMS)
    names = {path.name for path in clean.iterdir() if differs(path, marked / path.name)}
    findings = pq.read_table(out / "shards" / ARMS[2] / "findings.parquet").to_pylist()
    by_action = {
        action: {Path(row["path"]).name for row in findings if row["action"] == action}
        for action in ("mask", "flag")
    }
    touched = by_action["mask"] | by_action["flag"]
    return Account(
        marked=len(names),
        masked=len(names & by_action["mask"]),
        flagged=len(names & (by_action["flag"] - by_action["mask"])),
        unseen=len(names - touched),
        others_touched=len(touched - names),
        left=float(np.mean([share_left(clean / n, marked / n, cleaned / n) for n in names])),
    )


def differs(one: Path, other: Path) -> bool:
    """Whether two pictures have other pixels."""
    return not np.array_equal(np.asarray(Image.open(one)), np.asarray(Image.open(other)))


def share_left(clean: Path, marked: Path, cleaned: Path) -> float:
    """How far the cleaned picture still is from the clean one, over how far the marked one is."""
    was, had, now = (np.asarray(Image.open(path), np.float64) for path in (clean, marked, cleaned))
    return float(np.abs(now - was).sum() / np.abs(had - was).sum())


def sheet(out: Path) -> Image.Image:
    """Some pictures as the model sees them, enlarged: never marked, marked, cleaned."""
    clean, marked, cleaned = (out / "raw-small" / arm / "train" / "images" for arm in ARMS)
    names = [path.name for path in sorted(clean.iterdir()) if differs(path, marked / path.name)]
    side = pictures.SIDE // 2
    page = Image.new("RGB", (SHOWN * side, 3 * side), "white")
    for column, name in enumerate(names[:: len(names) // SHOWN][:SHOWN]):
        for row, folder in enumerate((clean, marked, cleaned)):
            small = Image.open(folder / name)
            large = small.resize((side, side), Image.Resampling.NEAREST)
            page.paste(large, (column * side, row * side))
    return page
