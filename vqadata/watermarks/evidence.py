"""What a person needs to see why: learnt marks, the table of strings, contact sheets."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqadata.overlay.finding import Overlay
from vqadata.watermarks.sheet import SHOWN, Shown, write_pairs, write_sheet

if TYPE_CHECKING:
    from vqadata.cleaning.survey import Survey
    from vqadata.cleaning.text_engine import Rgb
    from vqadata.watermarks.erase import Box
    from vqadata.watermarks.recurrence import Recurring

ENLARGED = 3
"""Learnt marks are shown so many times larger."""

PAIRS = 20
"""Most pictures that are shown before and after."""


def write_overlay(overlay: Overlay, number: int, folder: Path) -> str:
    """Write a learnt mark as a picture, its strokes below; returns the file's name."""
    import numpy as np
    from PIL import Image

    name = f"overlay-{number:02d}-{overlay.zone}.png"
    inked = np.where(overlay.imprint.strokes(), 255, 0).astype(np.uint8)
    both = np.vstack([overlay.imprint.picture(), inked])
    Image.fromarray(both.repeat(ENLARGED, 0).repeat(ENLARGED, 1)).save(folder / name)
    return name


def write_facts(
    folder: Path,
    engine: Mapping[str, str],
    overlays: Iterable[Mapping[str, Any]],
    strings: Mapping[str, list[Recurring]],
) -> None:
    """Write ``marks.json``: the engine and why it was chosen, overlays, strings that recur."""
    table = [
        {"group": group, "text": one.text, "key": one.key, "pictures": one.pictures,
         "together": round(one.together, 3)}
        for group in sorted(strings) for one in strings[group]
    ]  # fmt: skip
    facts = {"engine": dict(engine), "overlays": list(overlays), "strings": table}
    text = json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / "marks.json").write_text(text + "\n", encoding="utf-8")


def write_sheets(survey: Survey, boxes: Mapping[str, tuple[str, list[Box]]]) -> None:
    """Write a contact sheet for each reason, ``sheet-<reason>.png``.

    Args:
        survey: Gives the pictures.
        boxes: Reason and boxes of the pictures, by digest.
    """
    by_code: defaultdict[str, list[str]] = defaultdict(list)
    for digest, (code, _) in boxes.items():
        by_code[code].append(digest)
    for code, digests in sorted(by_code.items()):
        views = survey.views(sorted(digests)[:SHOWN])
        shown = (Shown(view.rgb, boxes[view.digest][1]) for view in views)
        write_sheet(shown, survey.evidence / f"sheet-{code}.png")


def write_masked(folder: Path, pairs: Iterable[tuple[Shown, Rgb]]) -> None:
    """Write ``masked.png``: some masked pictures before (above) and after (below)."""
    write_pairs(pairs, folder / "masked.png")
