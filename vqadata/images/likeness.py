"""Says whether two pictures are one picture that was edited, at a second look.

Thumbnails (:mod:`vqadata.images.glance`) do not tell an object that was replaced from text over a
picture. So pairs get a second look at more pixels, and at colours. Text is thin: among its strokes
the picture shows through, and the strokes stand in one picture only. An object is solid. Two forms
filled in differently are thin too, but there each picture has strokes which the other one lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vqadata.images.alignment import Fit, lay_over, warped_by
from vqadata.images.glance import NEAR, NOISE, box_mean, misfit

if TYPE_CHECKING:
    from vqadata.images.perceptual import Pixels

CLOSE_SIDE = 256
"""Width and height of the pictures for the second look."""

TINT_SIDE = 32
"""Width and height of the colours for the second look."""

GREY, COLOURLESS, SATURATION = 3.0, 8.0, (0.6, 1.6)
"""Tints of a picture that lost its colours at most, and of one whose colours are too weak to be
compared with others as weak; how much more or less colour an edit may give."""

SAME_GAIN, SAME_OFFSET = 0.2, 20.0
"""How far the light of a picture that lost its colours may be from what it was."""

OTHER_COLOUR, OTHER_CELLS = 36.0, 6
"""Tints of cells that have another colour, and how many make another picture."""

OTHER_TINT, OTHER_TINTS, TINT_WINDOW = 24.0, 9, 5
"""The same for weaker colours: so many cells in a square of so many cells, which is a thing; what a
crop does to the colours of edges lies all over."""

SAME_TINT = 15.0
"""Tints of cells whose colours are surely the same."""

TEXT_CELLS = 128
"""Cells of 1,024 whose colour text over a picture may change."""

FLAT, FLAT_BLOCK = 0.22, 16
"""Share of the blocks (of so many pixels) with any details below which a picture is flat: drawings
of a thing or two. Photos and pages have .3 and more."""

FLAT_DETAIL = 6.0
"""Standard deviation of grey levels of a block that has details."""

FLAT_COLOUR, FLAT_GAIN = 10.0, 1.45
"""Tints by which cells of flat pictures differ that have another colour, and the largest gain."""

WINDOW = 15
"""Side of the windows in which solid changes are looked for at the second look, in pixels."""

FAR, WEAK = 1.0, 38.0
"""Up to that local difference, strong changes of fewer grey levels are those of clipped light."""

SOLID, STROKES, MOST_TEXT, BOTH, OBLONG = 0.75, 0.33, 0.045, 0.6, 2.5
"""Text is less solid or has more edge, covers less, stands in one picture only, and is wider than
high."""

ONE_SIDED, LINES = 0.13, 0.16
"""Of bold text less than that stands in both pictures, and its lines are not as high as that."""

SPOT = 3e-4
"""Share of the pixels from which on a strong change in one place is none of chance."""

THIN, SPREAD = 0.5, 0.35
"""Changes of a page are less solid, and spread over more of its width and height."""

STRONG, PLACE, LOOSE = 40.0, 0.35, 0.25
"""A thing differs by more grey levels, in a smaller place, and is more solid."""


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
    edge: float = 0.0
    """Share of the changed pixels that lie next to unchanged ones: strokes have many."""

    def is_text(self) -> bool:
        """Whether they look like a line or some lines of text, in one of the pictures alone."""
        bold = self.edge > STROKES and self.both < ONE_SIDED and self.height < LINES
        thin = (self.solid < SOLID or bold) and self.changed < MOST_TEXT
        oblong = self.width >= OBLONG * self.height
        return self.changed > 0 and thin and self.both < BOTH and oblong

    def is_spot(self) -> bool:
        """Whether they are strong and in one place, however small that is."""
        local = max(self.width, self.height) < PLACE
        return self.strength >= STRONG and local and self.changed >= SPOT

    def is_spread(self) -> bool:
        """Whether they are thin and strong, and lie all over: lines of a page do."""
        wide = min(self.width, self.height) >= SPREAD
        return wide and self.solid < THIN and self.strength >= STRONG

    def is_thing(self) -> bool:
        """Whether they look like a thing: strong, in one place, and not like text."""
        local = max(self.width, self.height) < PLACE
        return self.strength >= STRONG and local and self.solid > LOOSE and not self.is_text()


class CloseUp(NamedTuple):
    """A picture for the second look."""

    pixels: Pixels
    """Grey levels, uint8, shape (256, 256)."""
    aspect: float
    """Width by height of the picture itself."""
    tints: Pixels
    """Differences of the colours blue and red from grey, float32, shape (2, 32, 32)."""
    flat: bool
    """Whether so little is to be seen that a moved or another thing may pass for a crop."""

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
    pixels = np.asarray(small.convert("L"))
    return CloseUp(pixels, rgb.shape[1] / rgb.shape[0], tints, is_flat(pixels))


def is_flat(pixels: Pixels) -> bool:
    """Whether few blocks of a picture for the second look have any details."""
    import numpy as np

    side = CLOSE_SIDE // FLAT_BLOCK
    blocks = pixels.astype(np.float32).reshape(side, FLAT_BLOCK, side, FLAT_BLOCK)
    return bool((blocks.var((1, 3)) > FLAT_DETAIL**2).mean() < FLAT)


def colours_apart(fit: Fit, first: CloseUp, second: CloseUp, mixed: bool = False) -> Pixels:
    """How far the colours of the cells of two pictures are apart; 0 if one of them is without any.

    A cell of 32 x 32 may have the colour of any cell next to it. A picture that lost its colours
    keeps its light; a grey thing on a plain ground is another thing.

    Args:
        fit: Of the first by the second.
        first: A picture.
        second: Another one.
        mixed: A cell may also have any colour between those of the cells next to it: a crop mixes
            the colours of an edge anew.

    Returns:
        float32, shape (32, 32), in tints.
    """
    import numpy as np

    a, b = first.tints, second.tints
    weaker, stronger = sorted((float(np.abs(a).max()), float(np.abs(b).max())))
    if weaker < GREY or stronger < COLOURLESS:
        light = abs(fit.numbers[0, 4] - 1) < SAME_GAIN and abs(fit.numbers[0, 5]) < SAME_OFFSET
        same = light or stronger < COLOURLESS
        return np.full((TINT_SIDE, TINT_SIDE), 0 if same else np.inf, np.float32)
    gain = np.clip((a * b).sum() / max(float((a * a).sum()), 1.0), *SATURATION)
    shown, seen = warped_by(a, np.repeat(fit.numbers, 2, axis=0))
    padded = np.pad(gain * shown, ((0, 0), (1, 1), (1, 1)), mode="edge")
    steps = [(down, across) for down in range(3) for across in range(3)]
    shifted = np.stack([padded[:, d : d + TINT_SIDE, c : c + TINT_SIDE] for d, c in steps])
    if mixed:
        apart = np.hypot(*(b - np.clip(b, shifted.min(axis=0), shifted.max(axis=0))))
    else:
        apart = np.hypot(*np.moveaxis(b - shifted, 1, 0)).min(axis=0)
    return np.asarray(np.where(seen[0], apart, 0))


def has_other_tint(apart: Pixels) -> bool:
    """Whether a thing has another colour, strong or weak.

    Args:
        apart: What :func:`colours_apart` gives.
    """
    import numpy as np

    weak = box_mean((apart > OTHER_TINT).astype(np.float32), TINT_WINDOW) * TINT_WINDOW**2
    strong = int((apart > OTHER_COLOUR).sum())
    return strong >= OTHER_CELLS or float(weak.max()) > OTHER_TINTS - 0.5


def same_tints(fit: Fit, first: CloseUp, second: CloseUp) -> bool:
    """Whether no thing has another colour for sure, however small: one of two by two cells.

    An edge that a crop mixed anew is thinner than that.
    """
    other = colours_apart(fit, first, second, mixed=True) > SAME_TINT
    across = other[:, 1:] & other[:, :-1]
    return not (across[1:] & across[:-1]).any()


def same_light(fit: Fit) -> bool:
    """Whether flat pictures are alike in their light, too: their outlines say little."""
    return 1 / FLAT_GAIN <= float(fit.numbers[0, 4]) <= FLAT_GAIN


def same_ground(apart: Pixels) -> bool:
    """Whether flat pictures are alike in their colours, too.

    Args:
        apart: What :func:`colours_apart` gives.
    """
    return int((apart > FLAT_COLOUR).sum()) < OTHER_CELLS


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
    changed = np.abs(residual) > NOISE + misfit(explained)
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
        edge=1 - float(_inner(changed).sum() / changed.sum()),
    )


def alike(largest: float, closer: Closer) -> bool:
    """Whether a pair of that local difference is one picture and its edit."""
    if largest <= NEAR:
        return not closer.is_thing()
    return closer.is_text() or (closer.strength < WEAK and largest <= FAR)


def _inner(changed: Pixels) -> Pixels:
    """Changed pixels with changed ones on all four sides."""
    inner = changed.copy()
    inner[1:] &= changed[:-1]
    inner[:-1] &= changed[1:]
    inner[:, 1:] &= changed[:, :-1]
    inner[:, :-1] &= changed[:, 1:]
    return inner


def _details(pixels: Pixels) -> Pixels:
    """How far each pixel stands out from those around it, squared."""
    return (pixels - box_mean(pixels, 11)) ** 2
