"""Says whether two pictures are one picture that was edited, and where they differ if they are not.

Two looks. The first is at thumbnails that were laid over each other: the largest local residual,
measured against what the pictures show there, so that a small misfit on a strong edge is not taken
for a change. It is small for every edit that treats the whole picture alike, and large where an
object was replaced; but it is large for text over a picture too.

So pairs that differ in places get a second look at more pixels. Text is thin: among its strokes the
picture shows through, and the strokes stand in one picture only. An object is solid. Two forms
filled in differently are thin too, but there each picture has strokes which the other one lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vqadata.images.alignment import (
    Fit,
    Overlay,
    averaged,
    fit_coarsely,
    fit_finely,
    lay_over,
    warped_by,
    without_curve,
)

if TYPE_CHECKING:
    from vqadata.images.perceptual import Pixels

BLOCK = 8
"""Side of the blocks in which a thumbnail's residual is measured, in pixels; they overlap."""

CLOSE_SIDE = 256
"""Width and height of the pictures for the second look."""

TINT_SIDE = 32
"""Width and height of the colours for the second look."""

COLOURLESS, SATURATION = 8.0, (0.6, 1.6)
"""Tints of a grey picture at most; how much more or less colour an edit may give."""

SAME_GAIN, SAME_OFFSET = 0.2, 20.0
"""How far the light of a picture that lost its colours may be from what it was."""

OTHER_COLOUR, OTHER_CELLS = 36.0, 6
"""Tints of cells that have another colour, and how many make another picture."""

WINDOW = 15
"""Side of the windows in which solid changes are looked for at the second look, in pixels."""

NOISE = 10.0
"""Grey levels by which pixels may differ that were not changed (JPEG at low quality)."""


CERTAIN = 0.2
"""Largest local difference of pairs that are certainly the same picture."""

NEAR = 0.5
"""Largest local difference of pairs that are the same picture, unless a second look denies it."""

FAR, WEAK = 1.0, 38.0
"""Up to that local difference, strong changes of fewer grey levels are those of clipped light."""

FARTHEST = 8.0
"""Pairs with a larger local difference are not looked at again."""

MOST_SPREAD = 0.25
"""Pairs that differ in a larger share of their blocks are not looked at again."""

PLAIN = 0.4
"""Pairs that differ in a larger share of their blocks at half size are plainly different."""

SOLID, MOST_TEXT, BOTH, OBLONG = 0.75, 0.04, 0.6, 2.5
"""Text is less solid, covers less, stands in one picture only, and is wider than it is high."""

STRONG, PLACE, LOOSE = 40.0, 0.35, 0.25
"""A thing differs by more grey levels, in a smaller place, and is more solid."""


class Differences(NamedTuple):
    """What the first look shows; one entry a pair."""

    largest: Pixels
    """float32: the largest local difference, about 0.05 for an edit, over 1 for a swap."""
    spread: Pixels
    """float32: share of the blocks that differ clearly, 0 to 1."""


class Closer(NamedTuple):
    """What the second look shows of the pixels that differ."""

    changed: float = 0.0
    """Their share, 0 to 1."""
    solid: float = 0.0
    """Their share in the window that has most of them, 0 to 1."""
    both: float = 0.0
    """Whether either picture has details there: 0 if only one of them has any, 1 if both alike."""
    strength: float = 0.0
    """Grey levels by which the strongest tenth of them differs."""
    width: float = 0.0
    """Width of the place in which nine in ten of them lie, as a share of the picture's height."""
    height: float = 0.0
    """Its height, as a share of the picture's."""

    def is_text(self) -> bool:
        """Whether they look like a line or some lines of text, in one of the pictures alone."""
        thin = self.solid < SOLID and self.changed < MOST_TEXT
        return thin and self.both < BOTH and self.width >= OBLONG * self.height

    def is_thing(self) -> bool:
        """Whether they look like a thing: strong, in one place, and not like text."""
        local = max(self.width, self.height) < PLACE
        return self.strength >= STRONG and local and self.solid > LOOSE and not self.is_text()


def compare(first: Pixels, second: Pixels) -> tuple[Pixels, Fit, Differences]:
    """Take the first look at pairs of thumbnails.

    Args:
        first: uint8, shape (pairs, 64, 64).
        second: Of the same shape.

    Returns:
        The numbers of the pairs that are not plainly different, their fits, and their differences.
    """
    import numpy as np

    coarse = fit_coarsely(first, second)
    small = lay_over(without_curve(coarse), averaged(first, 2), averaged(second, 2))
    left = np.flatnonzero(differences(small).spread <= PLAIN)
    if not len(left):
        none = np.empty(0, np.float32)
        return left, without_curve(coarse[left]), Differences(none, none)
    fit = fit_finely(first[left], second[left], coarse[left])
    return left, fit, differences(lay_over(fit, first[left], second[left]))


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


class CloseUp(NamedTuple):
    """A picture for the second look."""

    pixels: Pixels
    """Grey levels, uint8, shape (256, 256)."""
    aspect: float
    """Width by height of the picture itself."""
    tints: Pixels
    """Differences of the colours blue and red from grey, float32, shape (2, 32, 32)."""

    def mirrored(self) -> CloseUp:
        """The mirror image."""
        return self._replace(pixels=self.pixels[:, ::-1], tints=self.tints[:, :, ::-1])


def close_up(rgb: Pixels) -> CloseUp:
    """Make a picture ready for the second look.

    Args:
        rgb: uint8, shape (height, width, 3).
    """
    import numpy as np
    from PIL import Image

    small = Image.fromarray(rgb).resize((CLOSE_SIDE, CLOSE_SIDE), Image.Resampling.BILINEAR)
    bands = np.asarray(small.resize((TINT_SIDE, TINT_SIDE), Image.Resampling.BOX).convert("YCbCr"))
    tints = np.moveaxis(bands[:, :, 1:], 2, 0).astype(np.float32) - 128
    return CloseUp(np.asarray(small.convert("L")), rgb.shape[1] / rgb.shape[0], tints)


def same_colours(fit: Fit, first: CloseUp, second: CloseUp) -> bool:
    """Whether two pictures with the same grey levels have the same colours, or one has none.

    A cell of 32 x 32 may have the colour of any cell next to it. A picture that lost its colours
    keeps its light; a grey thing on a plain ground is another thing.
    """
    import numpy as np

    a, b = first.tints, second.tints
    if min(np.abs(a).max(), np.abs(b).max()) < COLOURLESS:
        light = abs(fit.numbers[0, 4] - 1) < SAME_GAIN and abs(fit.numbers[0, 5]) < SAME_OFFSET
        return bool(light) or max(np.abs(a).max(), np.abs(b).max()) < COLOURLESS
    gain = np.clip((a * b).sum() / max(float((a * a).sum()), 1.0), *SATURATION)
    shown, seen = warped_by(a, np.repeat(fit.numbers, 2, axis=0))
    padded = np.pad(gain * shown, ((0, 0), (1, 1), (1, 1)), mode="edge")
    steps = [(down, across) for down in range(3) for across in range(3)]
    shifted = (padded[:, d : d + TINT_SIDE, c : c + TINT_SIDE] for d, c in steps)
    apart = np.min([np.hypot(*(b - other)) for other in shifted], axis=0)
    return int(((apart > OTHER_COLOUR) & seen[0]).sum()) < OTHER_CELLS


def look_closer(fit: Fit, first: CloseUp, second: CloseUp) -> Closer:
    """Look at one pair again.

    Args:
        fit: Of that pair.
        first: One picture.
        second: The other one; their sizes need not be the same.
    """
    import numpy as np

    overlay = lay_over(fit, first.pixels[None], second.pixels[None])
    residual, explained = overlay.residual[0], overlay.explained[0]
    changed = np.abs(residual) > NOISE + _misfit(explained)
    if not changed.any():
        return Closer()
    one, other = (_details(p)[changed].sum() for p in (explained, explained + residual))
    rows, columns = (np.percentile(places, (5, 95)) for places in np.nonzero(changed))
    return Closer(
        changed=float(changed.mean()),
        solid=float(box_mean(changed.astype(np.float32), WINDOW).max()),
        both=float(min(one, other) / max(one, other, 1e-6)),
        strength=float(np.percentile(np.abs(residual[changed]), 90)),
        width=float(columns[1] - columns[0] + 1) * first.aspect / CLOSE_SIDE,
        height=float(rows[1] - rows[0] + 1) / CLOSE_SIDE,
    )


def _misfit(explained: Pixels) -> Pixels:
    """What a misfit of a pixel changes on slopes."""
    import numpy as np

    down, across = np.gradient(explained)
    return box_mean(np.hypot(down, across), 3)


def alike(largest: float, closer: Closer) -> bool:
    """Whether a pair that is not certain is one picture and its edit."""
    if largest <= NEAR:
        return not closer.is_thing()
    return closer.is_text() or (closer.strength < WEAK and largest <= FAR)


def box_mean(pixels: Pixels, side: int) -> Pixels:
    """The mean of the square of ``side`` pixels (odd) around each pixel; zeros beyond the edge."""
    import numpy as np

    half = side // 2
    sums = np.pad(pixels, ((half + 1, half), (half + 1, half))).cumsum(0).cumsum(1)
    total: Pixels = sums[side:, side:] - sums[:-side, side:]
    total = total - sums[side:, :-side] + sums[:-side, :-side]
    return total / side**2


def _details(pixels: Pixels) -> Pixels:
    """How far each pixel stands out from those around it, squared."""
    return (pixels - box_mean(pixels, 11)) ** 2


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
    half, count = BLOCK // 2, len(pixels)
    side = pixels.shape[1] // half
    small = pixels.reshape(count, side, half, side, half).mean((2, 4))
    rows = small[:, 1:] + small[:, :-1]
    blocks: Pixels = (rows[:, :, 1:] + rows[:, :, :-1]) / 4
    return blocks
