"""The edit that makes one picture out of another, in figures and in words.

The words are the reason that a person reads: ``cropped by 2.5% on the left; 55% of the size``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from vqadata.images.near_pairs import NearPair

LEAST_CROP, LEAST_LIGHT, LEAST_SIZE = 0.5, 0.03, 0.03
"""Percent of a side, share of the light and of the size below which nothing is said."""

GREY_MODES = ("1", "L", "LA", "I", "I;16", "F")


class Looks(NamedTuple):
    """What the header of a picture says."""

    width: int
    height: int
    mode: str
    format: str


def edit_of(pair: NearPair, turned: bool, kept: Looks, other: Looks) -> dict[str, Any]:
    """What was done to the kept picture to make the other one.

    Args:
        pair: The fit of the right picture by the left one.
        turned: Whether the kept picture is the right one.
        kept: Of the kept picture.
        other: Of the other one.

    Returns:
        ``crop``: percent of the kept picture's left, top, right and bottom that the other lacks,
        negative where it shows more; ``gain`` and ``offset`` of its grey levels; ``size``: pixels
        of the other for one of the kept, by width; ``mirror``, ``grey``, ``text``: whether it is
        mirrored, has lost its colours, has text that the kept lacks (or lacks text); ``format``.
    """
    across, right, down, below, gain, offset = pair.numbers
    if turned:
        across, right, down, below = 1 / across, -right / across, 1 / down, -below / down
        gain, offset = 1 / gain, -offset / gain
        right = -right if pair.mirror else right
    edges = (right - across, below - down, -right - across, -below - down)
    return {
        "crop": [round((1 + edge) * 50, 1) + 0.0 for edge in edges],
        "gain": round(gain, 3),
        "offset": round(offset, 1),
        "size": round(other.width / (kept.width * across), 3),
        "mirror": pair.mirror,
        "grey": other.mode in GREY_MODES and kept.mode not in GREY_MODES,
        "text": pair.text,
        "format": f"{kept.format} to {other.format}",
        "difference": pair.difference,
    }


def in_words(edit: dict[str, Any]) -> str:
    """An edit as a reason."""
    said = ["mirrored"] if edit["mirror"] else []
    sides = zip(("left", "top", "right", "bottom"), edit["crop"], strict=True)
    crops = [f"{percent:g}% {side}" for side, percent in sides if percent >= LEAST_CROP]
    if crops:
        said.append("cropped by " + ", ".join(crops))
    if min(edit["crop"]) <= -LEAST_CROP:
        said.append("with more of the scene")
    if abs(edit["size"] - 1) >= LEAST_SIZE:
        said.append(f"{edit['size']:.0%} of the size")
    if abs(edit["gain"] - 1) >= LEAST_LIGHT:
        said.append(f"contrast x {edit['gain']:.2f}")
    said += ["without colour"] * edit["grey"] + ["other text over it"] * edit["text"]
    before, after = edit["format"].split(" to ")
    said += [edit["format"]] * (before != after)
    return "; ".join(said) or "encoded again"
