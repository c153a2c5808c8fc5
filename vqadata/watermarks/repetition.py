"""Strings that are repeated within one picture, as tiled marks are.

Signs repeat as well (SALE, SALE, SALE); what makes a tile is that the copies are turned by one
angle, or many, of one size, and spread over the picture. On a map the name of a street stands along
it again and again; but there other names are turned by other angles.
"""

from __future__ import annotations

from statistics import median

from vqadata.watermarks.key import has_han
from vqadata.watermarks.recurrence import SIMILAR, clusters
from vqadata.watermarks.spot import Spot

TURNED_COPIES, LEVEL_COPIES = 2, 5
"""Fewest copies of turned and of level text."""

ONE_ANGLE = 6.0
"""Largest difference between the angle of a copy and the middle one, in degrees."""

TURNED_ALIKE = 65.0
"""Similarity of turned copies, 0 to 100: what lies across a picture is misread more."""

ONE_SIZE = 1.25
"""Largest ratio of the height of a copy and the middle one."""

OTHERS = 2
"""Fewest other texts, turned by other angles, among which turned copies are no tile on a map."""

SPREAD = 0.4
"""Smallest share of the width and of the height over which level copies are spread."""


def repeated(spots: list[Spot], paper: bool = False) -> list[Spot]:
    """The copies of strings that tile a picture.

    Args:
        spots: What can be read in it.
        paper: Whether it is mostly one level, as maps are.
    """
    by_key: dict[str, list[Spot]] = {}
    for spot in spots:
        if len(spot.key) >= (2 if has_han(spot.key) else 3):
            by_key.setdefault(spot.key, []).append(spot)
    found: list[Spot] = []
    for turned, similar in ((True, TURNED_ALIKE), (False, SIMILAR)):
        counts = {
            key: count
            for key, copies in by_key.items()
            if (count := sum(spot.turned is turned for spot in copies))
        }
        for _, keys in clusters(counts, similar):
            copies = [spot for key in keys for spot in by_key[key] if spot.turned is turned]
            tile = _tile(copies)
            if not (paper and turned and _is_one_of_many(tile, by_key)):
                found += tile
    return found


def _is_one_of_many(tile: list[Spot], by_key: dict[str, list[Spot]]) -> bool:
    """Whether other texts are turned too, each in its own way, as on maps."""
    if not tile:
        return False
    angle, own = median(spot.line.angle for spot in tile), {spot.key for spot in tile}
    others = {
        key
        for key, copies in by_key.items()
        if key not in own
        and any(spot.turned and abs(spot.line.angle - angle) > ONE_ANGLE for spot in copies)
    }
    return len(others) >= OTHERS


def _tile(copies: list[Spot]) -> list[Spot]:
    """The copies that are turned and sized like the middle one, if there are enough of them."""
    angle = median(spot.line.angle for spot in copies)
    size = median(spot.line.height for spot in copies)
    alike = [
        spot
        for spot in copies
        if abs(spot.line.angle - angle) <= ONE_ANGLE
        and 1 / ONE_SIZE <= spot.line.height / max(size, 1) <= ONE_SIZE
    ]
    turned = [spot for spot in alike if spot.turned]
    if len(turned) >= TURNED_COPIES:
        return turned
    level = [spot for spot in alike if spot.level]
    return level if len(level) >= LEVEL_COPIES and _spread(level) else []


def _spread(copies: list[Spot]) -> bool:
    xs, ys = zip(*(spot.centre for spot in copies), strict=True)
    wide, high = copies[0].width, copies[0].height
    return bool(max(xs) - min(xs) >= SPREAD * wide and max(ys) - min(ys) >= SPREAD * high)
