"""Puts into words and boxes what was found in a picture, and what is done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from vqadata.overlay.finding import Overlay
from vqadata.watermarks.content import is_clinical
from vqadata.watermarks.key import key
from vqadata.watermarks.marks import (
    KNOWN,
    LAID_OVER,
    RECURRENT,
    REPEATED,
    SCANNER,
    Mark,
    Reading,
    Strings,
)
from vqadata.watermarks.mending import Plan

Policy = Literal["flag", "mask", "drop"]

OVERLAY = "recurrent-overlay"
"""Code of the reason that edges agree at one place."""

FIRST = (REPEATED, RECURRENT, KNOWN, SCANNER, LAID_OVER)
"""Order in which the code of a picture is chosen, where no overlay is."""


class Known(NamedTuple):
    """An overlay, and what is known of it beside its pictures."""

    overlay: Overlay
    template: str
    """File of the learnt mark, in the output folder."""
    text: str
    """What it says, as it is read most often; empty if it is not read."""
    is_told: bool = False
    """Whether what is read there, in most of its pictures, is a mark by its words or recurs."""

    @property
    def is_content(self) -> bool:
        """Whether it is clinical, nothing but numbers, or the layout of drawings or pages.

        On drawings edges alone tell no mark from a layout; words do.
        """
        numbers = bool(self.text and not key(self.text))
        layout = self.overlay.is_layout and not self.is_told
        return is_clinical(self.text) or numbers or layout

    @property
    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        overlay = self.overlay
        return {
            "group": overlay.group,
            "zone": overlay.zone,
            "template": self.template,
            "text": self.text,
            "pictures": overlay.pictures,
            "large_enough": overlay.large_enough,
            "carriers": len(overlay.carriers),
            "is_content": self.is_content,
        }


class Sentence(NamedTuple):
    """What is to become of a picture."""

    action: Policy
    code: str
    found: str
    """The texts of its marks."""
    because: str
    details: dict[str, Any]
    boxes: list[tuple[int, int, int, int]]


def said(overlay: Overlay, readings: Mapping[str, Reading]) -> str:
    """What is read most often at the place of an overlay, by those that carry it."""
    texts: Counter[str] = Counter()
    for digest, carrier in overlay.carriers.items():
        if (reading := readings.get(digest)) is not None:
            inside = [s.line.text for s in reading.readable if _inside(s.centre, carrier.box)]
            texts.update([" ".join(inside)] if inside else [])
    return min(texts, key=lambda text: (-texts[text], text), default="")


def is_told(overlay: Overlay, readings: Mapping[str, Reading], strings: Strings) -> bool:
    """Whether most of its pictures that were read have a mark of words at its place."""
    told = [
        any(_inside(mark.spot.centre, carrier.box) for mark in strings.marks(reading))
        for digest, carrier in overlay.carriers.items()
        if (reading := readings.get(digest)) is not None
    ]
    return 2 * sum(told) > len(told)


def _inside(point: tuple[float, float], box: tuple[int, int, int, int]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def sentenced(digest: str, plan: Plan, known: list[Known], action: Policy, note: str) -> Sentence:
    """The sentence on a picture.

    Args:
        digest: The picture.
        plan: Its marks.
        known: Its overlays.
        action: What is done.
        note: Why something else is done than the policy says; may be empty.
    """
    boxes = [one.overlay.carriers[digest].box for one in known]
    told: list[list[Any]] = [[*box, one.text, None] for box, one in zip(boxes, known, strict=True)]
    told += [[*mark.spot.line.box, mark.spot.line.text, mark.spot.line.confidence]
             for mark in plan.marks]  # fmt: skip
    texts = [one.text or f"a mark at {one.overlay.zone}" for one in known]
    texts += [mark.spot.line.text for mark in plan.marks]
    reasons = [*map(_of_overlay, known), *(mark.because for mark in plan.marks), note]
    return Sentence(
        action,
        OVERLAY if known else _code(plan.marks),
        " | ".join(dict.fromkeys(texts)),
        "; ".join(dict.fromkeys(filter(None, reasons))),
        {"boxes": told, **_where(digest, known)},
        [*boxes, *(mark.spot.line.box for mark in plan.marks)],
    )


def _of_overlay(one: Known) -> str:
    overlay = one.overlay
    carriers = f"{len(overlay.carriers)} of {overlay.pictures} pictures"
    return f"edges at {overlay.zone} agree in {carriers}"


def _where(digest: str, known: list[Known]) -> dict[str, Any]:
    if not known:
        return {}
    score = round(known[0].overlay.carriers[digest].score, 3)
    return {"template": known[0].template, "zone": known[0].overlay.zone, "score": score}


def _code(marks: list[Mark]) -> str:
    codes = {mark.code for mark in marks}
    return next(code for code in FIRST if code in codes)
