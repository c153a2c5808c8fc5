"""Lays one picture over another: the crop, scale, gain and offset that make them most alike.

The second picture is explained by the first one, ``second(x) = gain * first(x * scale + shift) +
offset``, with a scale and a shift for each axis. The six numbers are found by least squares from
coarse to fine (Lucas and Kanade 1981; Baker and Matthews 2004), with weights that let go of what
does not fit (Tukey's biweight), so that text laid over a picture does not pull it away. A crop of
either picture, or of both, is the same model with another scale. Many pairs are fitted at once.

A curve of the third degree on top of gain and offset follows gamma, and colours cut off at white.
Cutting off cannot be undone, so in the end the darker picture explains the brighter one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vqadata.images.perceptual import Pixels

ROUGH, COARSE, FINE = (4, 6, 3.0), (2, 4, 2.0), (1, 3, 1.0)
"""Pixels that are averaged, steps at that level, and how many times the mean error is let pass: a
page is mostly empty, so that its lines are outliers until they lie over each other."""

CLOSE, CLOSEST = (2, 2, 1.0), (1, 1, 1.0)
"""The same for a second look at larger pictures."""

LOWEST, HIGHEST = (0.7, -0.3, 0.7, -0.3, 0.3, -255.0), (1.3, 0.3, 1.3, 0.3, 3.0, 255.0)
"""Bounds of the six numbers: pictures that need more are no near-duplicates."""

RIDGE = (20, 20, 20, 20, 20, 1e-3)
"""Holds the six numbers where they are in flat pictures, which say nothing of them."""

BENDS = 2
"""Steps in which the curve is found."""

STIFFNESS = 5.0
"""What holds the curve back where few pixels have a level, as a number of pixels."""

NEVER_CUT, LOST = 180.0, 25.0
"""From this grey level on, a brightened picture may be darker by up to that many levels at white:
a pixel of a thumbnail averages many, and those cut off at white are not seen in it."""


class Fit(NamedTuple):
    """How pairs of pictures lie over each other; one row a pair."""

    numbers: Pixels
    """float32, shape (pairs, 6): scale and shift across, scale and shift down (1 and 0 where they
    lie straight; shifts in halves of the first picture), gain, offset (grey levels)."""
    turned: Pixels
    """bool, shape (pairs,): whether the second picture is the darker one and explains the first."""
    curve: Pixels
    """float32, shape (pairs, 4): what is added to the grey levels, as a polynomial of them."""

    def only(self, pairs: Pixels) -> Fit:
        """Some of the pairs."""
        return Fit(*(column[pairs] for column in self))


class Overlay(NamedTuple):
    """Pairs of pictures laid over each other; arrays of shape (pairs, side, side)."""

    residual: Pixels
    """float32, grey levels: the brighter picture minus its explanation; 0 where it has none."""
    explained: Pixels
    """float32, grey levels."""


def fit_roughly(first: Pixels, second: Pixels) -> Pixels:
    """Fit the second picture of each pair by the first one, at a quarter of the size.

    Args:
        first: uint8, shape (pairs, side, side); the side a multiple of 4.
        second: Of the same shape.

    Returns:
        The numbers of a :class:`Fit`.
    """
    import numpy as np

    a, b = first.astype(np.float32), second.astype(np.float32)
    start = np.tile(np.array([1, 0, 1, 0, 1, 0], np.float32), (len(first), 1))
    start[:, 5] = b.mean((1, 2)) - a.mean((1, 2))
    return _refined(a, b, start, ROUGH)


def fit_coarsely(first: Pixels, second: Pixels, rough: Pixels) -> Pixels:
    """Fit the second picture of each pair by the first one, at half of the size.

    Args:
        first: uint8, shape (pairs, side, side); the side a multiple of 2.
        second: Of the same shape.
        rough: What :func:`fit_roughly` found.
    """
    import numpy as np

    return _refined(first.astype(np.float32), second.astype(np.float32), rough, COARSE)


def fit_finely(first: Pixels, second: Pixels, coarse: Pixels) -> Fit:
    """Fit the second picture of each pair by the first one.

    Args:
        first: uint8, shape (pairs, side, side).
        second: Of the same shape.
        coarse: What :func:`fit_coarsely` found.
    """
    import numpy as np

    a, b = first.astype(np.float32), second.astype(np.float32)
    numbers = _refined(a, b, coarse, FINE)
    turned = numbers[:, 4] < 1
    straight, b, seen = _straight(numbers, turned, a, b)
    return Fit(numbers, turned, _curve(straight, b, seen))


def fit_closely(fit: Fit, first: Pixels, second: Pixels) -> Fit:
    """Fit pairs once more, by larger pictures than the thumbnails that they were fitted by.

    Args:
        fit: Of these pairs.
        first: uint8, shape (pairs, side, side); the side a multiple of 2.
        second: Of the same shape.
    """
    import numpy as np

    a, b = first.astype(np.float32), second.astype(np.float32)
    numbers = _refined(a, b, fit.numbers, CLOSE)
    return fit._replace(numbers=_refined(a, b, numbers, CLOSEST))


def without_curve(numbers: Pixels) -> Fit:
    """A coarse fit, for a first comparison."""
    import numpy as np

    return Fit(numbers, numbers[:, 4] < 1, np.zeros((len(numbers), 4), np.float32))


def lay_over(fit: Fit, first: Pixels, second: Pixels) -> Overlay:
    """Compare pairs of pictures as they were fitted.

    Args:
        fit: Of these pairs, from thumbnails or from these very pixels.
        first: uint8, shape (pairs, side, side), of any side.
        second: Of the same shape.
    """
    import numpy as np

    a, b = first.astype(np.float32), second.astype(np.float32)
    straight, b, seen = _straight(fit.numbers, fit.turned, a, b)
    line = _line(straight)
    curve = fit.curve[:, 3, None, None]
    for power in (2, 1, 0):
        curve = curve * line + fit.curve[:, power, None, None]
    bent = straight + curve
    residual = np.where(seen, b - np.clip(bent, 0, 255), 0)
    gain = np.where(fit.turned, 1 / fit.numbers[:, 4], fit.numbers[:, 4])
    lost = np.clip((straight - NEVER_CUT) / (255 - NEVER_CUT), 0, 1) * LOST
    lost *= np.clip((gain - 1) * 10, 0, 1)[:, None, None]
    residual += np.clip(-residual, 0, lost)
    return Overlay(residual, np.clip(bent, 0, 255))


def _refined(a: Pixels, b: Pixels, fit: Pixels, level: tuple[int, int, float]) -> Pixels:
    size, steps, loose = level
    small_a, small_b = averaged(a, size), averaged(b, size)
    for _ in range(steps):
        fit = _improved(small_a, small_b, fit, loose)
    return fit


def averaged(pixels: Pixels, size: int) -> Pixels:
    """Square pictures made smaller by a power of two, as float32."""
    import numpy as np

    small = pixels.astype(np.float32, copy=False)
    while size > 1:  # by half at a time, which is many times as quick as a mean over blocks
        rows = small[:, ::2] + small[:, 1::2]
        small = (rows[:, :, ::2] + rows[:, :, 1::2]) * np.float32(0.25)
        size //= 2
    return small


def _improved(a: Pixels, b: Pixels, fit: Pixels, loose: float) -> Pixels:
    """One step of least squares with robust weights."""
    import numpy as np

    count, side = len(a), a.shape[1]
    warped, seen = warped_by(a, fit)
    left = b - fit[:, 4, None, None] * warped - fit[:, 5, None, None]
    weight = _weights(left, seen, loose)
    down, across = np.gradient(warped, axis=(1, 2))
    place = _places(side)
    # A pixel is 2 / side of the line from -1 to 1; the gradient is one of the warped picture.
    across *= (fit[:, 4] / fit[:, 0] * (side / 2))[:, None, None]
    down *= (fit[:, 4] / fit[:, 2] * (side / 2))[:, None, None]
    slopes = np.empty((count, 6, side, side), np.float32)
    slopes[:, 0], slopes[:, 1] = across * place, across
    slopes[:, 2], slopes[:, 3] = down * place[:, None], down
    slopes[:, 4], slopes[:, 5] = warped, 1
    flat = slopes.reshape(count, 6, -1)
    weighted = (slopes * weight[:, None]).reshape(count, 6, -1)
    normal = weighted @ flat.transpose(0, 2, 1)
    held = np.array(RIDGE, np.float32) * weight.sum((1, 2))[:, None] / side**2 + 1e-3
    normal[:, range(6), range(6)] += held
    step = np.linalg.solve(normal, weighted @ left.reshape(count, -1, 1))
    low, high = np.array(LOWEST, np.float32), np.array(HIGHEST, np.float32)
    better: Pixels = np.clip(fit + step[..., 0], low, high)
    return better


def _weights(left: Pixels, seen: Pixels, loose: float = 0.0) -> Pixels:
    """Tukey's biweight, with a width from the median residual, or from the mean one if larger."""
    import numpy as np

    sample = np.abs(left[:, ::2, ::2]).reshape(len(left), -1)
    middle = np.partition(sample, sample.shape[1] // 2, axis=1)[:, sample.shape[1] // 2]
    error = loose * np.sqrt(np.mean(sample * sample, axis=1))
    width = (np.maximum(6 * middle, error) + 6)[:, None, None]
    inside = np.clip(1 - (left / width) ** 2, 0, None)
    weights: Pixels = inside * inside * seen
    return weights


def _places(side: int) -> Pixels:
    """The middles of pixels on the line from -1 to 1."""
    import numpy as np

    return ((np.arange(side) + 0.5) * (2 / side) - 1).astype(np.float32)


def warped_by(a: Pixels, fit: Pixels) -> tuple[Pixels, Pixels]:
    """The first pictures as the second ones show them, and where they have pixels at all.

    Args:
        a: float32, shape (pairs, side, side).
        fit: The numbers of a :class:`Fit`; gain and offset are not used.
    """
    across, left_right = _stretched(a.transpose(0, 2, 1), fit[:, 0], fit[:, 1])
    out, up_down = _stretched(across.transpose(0, 2, 1), fit[:, 2], fit[:, 3])
    return out, up_down[:, :, None] & left_right[:, None, :]


def _stretched(a: Pixels, scale: Pixels, shift: Pixels) -> tuple[Pixels, Pixels]:
    """Rows of pictures between those that they have, and which of them lie inside.

    Whole rows are taken at once, which is many times as quick as pixels one by one.
    """
    import numpy as np

    side = a.shape[1]
    place = (_places(side) * scale[:, None] + shift[:, None] + 1) * (side / 2) - 0.5
    inside = (place > -0.5) & (place < side - 0.5)
    place = np.clip(place, 0, side - 1.001)
    low = place.astype(np.intp)
    part = (place - low.astype(np.float32))[:, :, None]
    rows, first = np.ascontiguousarray(a), np.arange(len(a))[:, None]
    before = rows[first, low]
    after = rows[first, low + 1]
    after -= before
    after *= part
    after += before
    return after, inside


def _straight(fit: Pixels, turned: Pixels, a: Pixels, b: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """The darker pictures with gain and offset, the brighter ones, and where both have pixels."""
    import numpy as np

    back = np.empty_like(fit)
    back[:, 0:4:2], back[:, 1:4:2] = 1 / fit[:, 0:4:2], -fit[:, 1:4:2] / fit[:, 0:4:2]
    back[:, 4], back[:, 5] = 1 / fit[:, 4], -fit[:, 5] / fit[:, 4]
    forth = np.where(turned[:, None], back, fit)
    where = turned[:, None, None]
    warped, seen = warped_by(np.where(where, b, a), forth)
    return forth[:, 4, None, None] * warped + forth[:, 5, None, None], np.where(where, a, b), seen


def _line(levels: Pixels) -> Pixels:
    """Grey levels on the line from -1 to 1, and somewhat beyond."""
    import numpy as np

    return np.clip(levels * np.float32(1 / 127.5) - 1, -1.4, 1.4)


def _curve(levels: Pixels, b: Pixels, seen: Pixels) -> Pixels:
    """The polynomial of the levels that takes away most of the residuals."""
    import numpy as np

    count = len(levels)
    levels, b, seen = (part[:, ::2, ::2] for part in (levels, b, seen))
    line = _line(levels).reshape(count, 1, -1)
    powers = np.concatenate([np.ones_like(line), line, line**2, line**3], 1)
    rest, held = (b - levels).reshape(count, -1, 1), STIFFNESS * np.eye(4, dtype=np.float32)
    curve = np.zeros((count, 4, 1), np.float32)
    for _ in range(BENDS):
        left = (rest - powers.transpose(0, 2, 1) @ curve).reshape(levels.shape)
        weighted = powers * _weights(left, seen).reshape(count, 1, -1)
        curve = np.linalg.solve(weighted @ powers.transpose(0, 2, 1) + held, weighted @ rest)
    return curve[..., 0]
