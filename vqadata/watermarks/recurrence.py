"""Strings that recur: the same words at the same place of several pictures.

Words recur in street scenes too (STOP, EXIT, SALE), but each time somewhere else and in another
size. So a string counts only if its places lie together: measured from a corner in pixels, as
stamps are set, or as shares of the picture.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.watermarks.spot import Spot

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

SIMILAR = 80.0
"""Similarity of two keys that are one string read twice, 0 to 100."""

FEWEST = 3
"""Pictures in which a string must stand."""

MOSTLY = 0.5
"""Share of its places in a design from which on a string belongs to it: the publisher on a cover,
the words of a poster, the lines of a meme."""

TOGETHER = 0.7
"""Smallest share of its places that must lie together."""

PIXELS, SHARE = 16.0, 0.02
"""Distance within which places lie together, in pixels from a corner or in shares of a side."""

BY_HAND = 0.06
"""The same for what stands in the middle, in shares of a side: it is put there by eye."""

EVEN = 0.25
"""Largest difference in the size of letters within one mark, over their median."""

SEEDS, RARE = 2_000, 20_000
"""Most strings that others are compared with, the commonest first; with more keys than this,
strings that were read once are no such seeds."""


class Place(NamedTuple):
    """A text in one of the pictures of a group."""

    picture: str
    """Its digest."""
    spot: Spot
    designed: bool = False
    """Whether it is part of a design: beneath larger level text, or one of several such lines."""


class Recurring(NamedTuple):
    """A string that recurs at one place."""

    key: str
    """The commonest reading."""
    keys: frozenset[str]
    """All readings."""
    pictures: int
    text: str
    """As it was read most often."""
    together: float
    """Share of its places that lie together."""


def recurring(places: list[Place]) -> list[Recurring]:
    """The strings that recur among the texts of a group, the commonest first."""
    by_key: defaultdict[str, list[Place]] = defaultdict(list)
    for place in places:
        if place.spot.key:
            by_key[place.spot.key].append(place)
    found = []
    for seed, keys in clusters({key: len(there) for key, there in by_key.items()}):
        there = [place for key in keys for place in by_key[key]]
        pictures = len({place.picture for place in there})
        if pictures < FEWEST or sum(place.designed for place in there) > MOSTLY * len(there):
            continue
        if (together := _together(there)) >= TOGETHER:
            texts = Counter(place.spot.line.text for place in by_key[seed])
            text = min(texts, key=lambda text: (-texts[text], text))
            found.append(Recurring(seed, frozenset(keys), pictures, text, together))
    return sorted(found, key=lambda one: (-one.pictures, one.key))


def clusters(counts: dict[str, int], similar: float = SIMILAR) -> list[tuple[str, list[str]]]:
    """Readings of the same string: the commonest one, and all that resemble it."""
    from rapidfuzz import fuzz, process

    left = sorted(counts, key=lambda key: (-counts[key], key))
    fewest = 2 if len(left) > RARE else 1
    found = []
    for _ in range(SEEDS):
        if not left or counts[left[0]] < fewest:
            break
        seed = left[0]
        near = process.extract(seed, left, scorer=fuzz.ratio, score_cutoff=similar, limit=None)
        keys = {key for key, _, _ in near}
        found.append((seed, sorted(keys)))
        left = [key for key in left if key not in keys]
    return found


def _together(there: list[Place]) -> float:
    """The largest share of places that lie together, by any way of measuring."""
    import numpy as np

    x, y = np.array([place.spot.centre for place in there], float).T
    box = np.array([place.spot.line.box for place in there], float)
    wide = np.array([place.spot.width for place in there], float)
    high = np.array([place.spot.height for place in there], float)
    letters = np.array([place.spot.line.height for place in there], float)
    even = np.abs(letters / max(float(np.median(letters)), 1e-6) - 1) <= EVEN
    across = [_close(a, PIXELS) for a in (box[:, 0], wide - box[:, 2], x - wide / 2)]
    down = [_close(a, PIXELS) for a in (box[:, 1], high - box[:, 3], y - high / 2)]
    across.append(_close(x / wide, SHARE))
    down.append(_close(y / high, SHARE))
    relative = letters / np.minimum(wide, high)
    steady = even | (np.abs(relative / max(float(np.median(relative)), 1e-6) - 1) <= EVEN)
    middle = _close(x / wide, BY_HAND) & _close(y / high, BY_HAND)
    middle &= np.array([place.spot.central for place in there])
    ways = [*(one & other for one in across for other in down), middle]
    return max(float((way & steady).mean()) for way in ways)


def _close(values: Floats, distance: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which values lie near the middle one."""
    import numpy as np

    return np.asarray(np.abs(values - np.median(values)) <= distance)
