"""The first look at pairs of thumbnails: most pairs with like hashes are plainly two pictures.

The measure is the largest local residual of pictures laid over each other, against what they show
there, so that a small misfit on a strong edge is not taken for a change. It is small for every edit
that treats the whole picture alike, and large where an object was replaced; but it is large for
text over a picture too. Looks get dearer, and each sees only the pairs that the one before it left:
at a quarter of the size, at half, at the thumbnail itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vqadata.images.alignment import (
    Fit,
    Overlay,
    averaged,
    fit_coarsely,
    fit_finely,
    fit_roughly,
    lay_over,
    without_curve,
)

if TYPE_CHECKING:
    from vqadata.images.perceptual import Pixels

BLOCK = 8
"""Side of the blocks in which a thumbnail's residual is measured, in pixels; they overlap."""

NOISE = 10.0
"""Grey levels by which pixels may differ that were not changed (JPEG at low quality)."""

CERTAIN = 0.2
"""Largest local difference of pairs that are certainly the same picture."""

NEAR = 0.5
"""Largest local difference of pairs that are the same picture, unless a second look denies it."""

FAR = 1.0
"""Up to that local difference, changes may be those of light that was cut off."""

FARTHEST = 12.0
"""Pairs with a larger local difference, at any size, are plainly different."""

MOST_SPREAD = 0.45
"""Pairs that differ in a larger share of their blocks are not looked at again."""

PLAIN = 0.4
"""Pairs that differ in a larger share of their blocks at half size are plainly different."""

HIGHEST_PEAK, PLAIN_LEVELS, LINE = 2.0, 10.0, 2.0
"""Largest residual of a pixel at a quarter of the size, as a multiple of the contrast (and so many
grey levels more), where the pixels beyond it are not so many times as wide as high, as those of a
line of text are. Other edits stay below 1.6."""

UPRIGHT, STRONG_THERE = 1.2, 50.0
"""Changes in a place that is less oblong, by more grey levels, are a thing and not text."""


class Differences(NamedTuple):
    """What the first look shows; one entry a pair."""

    largest: Pixels
    """float32: the largest local difference, about 0.05 for an edit, over 1 for a swap."""
    spread: Pixels
    """float32: share of the blocks that differ clearly, 0 to 1."""


def compare(first: Pixels, second: Pixels) -> tuple[Pixels, Fit, Differences]:
    """Take the first look.

    Args:
        first: uint8, shape (pairs, 64, 64).
        second: Of the same shape.

    Returns:
        The numbers of the pairs that are not plainly different, their fits, and their differences.
    """
    import numpy as np

    rough = fit_roughly(first, second)
    over = lay_over(without_curve(rough), averaged(first, 4), averaged(second, 4))
    left = np.flatnonzero(_has_no_peak(over))
    first, second = first[left], second[left]
    if not len(left):
        return _none_of(rough)
    coarse = fit_coarsely(first, second, rough[left])
    over = lay_over(without_curve(coarse), averaged(first, 2), averaged(second, 2))
    found = differences(over)
    near = np.flatnonzero((found.spread <= PLAIN) & (found.largest <= FARTHEST))
    left, first, second = left[near], first[near], second[near]
    if not len(left):
        return _none_of(rough)
    fit = fit_finely(first, second, coarse[near])
    over = lay_over(fit, first, second)
    found = differences(over)
    near = np.flatnonzero((found.largest <= FAR) | ~shows_a_thing(over))
    return left[near], fit.only(near), Differences(*(figures[near] for figures in found))


def _none_of(rough: Pixels) -> tuple[Pixels, Fit, Differences]:
    """What is said of pairs that are all plainly different."""
    import numpy as np

    left, none = np.empty(0, np.int64), np.empty(0, np.float32)
    return left, without_curve(rough[left]), Differences(none, none)


def _has_no_peak(over: Overlay) -> Pixels:
    """Whether no place has a large residual against the contrast, but a line of text; by pair."""
    import numpy as np

    contrast = over.explained.std((1, 2))[:, None, None] + PLAIN_LEVELS
    beyond = np.abs(over.residual) > HIGHEST_PEAK * contrast
    count = beyond.sum((1, 2))
    width, height = (_extent(beyond.sum(axis), count) for axis in (1, 2))
    few: Pixels = (count == 0) | (width >= LINE * height)
    return few


def differences(overlay: Overlay) -> Differences:
    """Measure where pairs of thumbnails differ.

    Args:
        overlay: Thumbnails laid over each other.
    """
    import numpy as np

    residual, explained = _smooth(overlay.residual), _smooth(overlay.explained)
    down, across = np.gradient(explained, axis=(1, 2))
    change, slope = np.sqrt(_blocks(residual**2)), np.sqrt(_blocks(down**2 + across**2))
    contrast = explained.std((1, 2))[:, None, None]
    local = change / (2 + 0.15 * contrast + slope)
    return Differences(local.max((1, 2)), (local > NEAR).mean((1, 2)))


def shows_a_thing(over: Overlay) -> Pixels:
    """Whether what differs is strong and about as high as wide: no line of text. One entry a pair.

    Args:
        over: Thumbnails laid over each other.
    """
    import numpy as np

    residual = np.abs(over.residual)
    changed = residual > NOISE + misfit(over.explained)
    count = changed.sum((1, 2))
    width, height = (_extent(changed.sum(axis), count) for axis in (1, 2))
    ordered = np.sort(np.where(changed, residual, 0).reshape(len(count), -1), axis=1)
    strong = ordered[np.arange(len(count)), -1 - count // 10] >= STRONG_THERE
    thing: Pixels = strong & (width < UPRIGHT * height)
    return thing


def _extent(counts: Pixels, total: Pixels) -> Pixels:
    """Pixels between which nine in ten of the changed ones lie, by those of each row or column."""
    share = counts.cumsum(1) / (total[:, None] + 1e-6)
    extent: Pixels = ((share >= 0.05) & (share <= 0.95)).sum(1) + 1
    return extent


def misfit(explained: Pixels) -> Pixels:
    """What a misfit of a pixel changes on slopes."""
    import numpy as np

    down, across = np.gradient(explained, axis=(-2, -1))
    return box_mean(np.hypot(down, across), 3)


def box_mean(pixels: Pixels, side: int) -> Pixels:
    """Means of the square of ``side`` pixels (odd) around each pixel; zeros beyond the edge."""
    import numpy as np

    if side == 3:
        return _of_three(_of_three(pixels, -1), -2) / np.float32(9)
    half = side // 2
    edges = [(0, 0)] * (pixels.ndim - 2) + [(half + 1, half)] * 2
    # Sums over a whole picture need more digits than the pixels have.
    sums = np.pad(pixels, edges).astype(np.float64, copy=False).cumsum(-2).cumsum(-1)
    rows = sums[..., side:, :] - sums[..., :-side, :]
    total: Pixels = rows[..., side:] - rows[..., :-side]
    return (total / side**2).astype(pixels.dtype)


def _of_three(pixels: Pixels, axis: int) -> Pixels:
    """Each pixel and the two beside it."""
    import numpy as np

    lines = np.moveaxis(pixels, axis, 0)
    out = lines.copy()
    out[1:] += lines[:-1]
    out[:-1] += lines[1:]
    return np.moveaxis(out, 0, axis)


def _smooth(pixels: Pixels) -> Pixels:
    """Averaged over some 3 pixels, which hides what sampling in other places does to edges."""
    import numpy as np

    for axis in (1, 2):
        for _ in range(2):
            last = pixels.shape[axis] - 1
            places = np.arange(last + 1)
            before = pixels.take(np.maximum(places - 1, 0), axis)
            after = pixels.take(np.minimum(places + 1, last), axis)
            pixels = (before + 2 * pixels + after) / 4
    return pixels


def _blocks(pixels: Pixels) -> Pixels:
    """Means of overlapping blocks, each half a block from the next."""
    small = averaged(pixels, BLOCK // 2)
    rows = small[:, 1:] + small[:, :-1]
    blocks: Pixels = (rows[:, :, 1:] + rows[:, :, :-1]) / 4
    return blocks
