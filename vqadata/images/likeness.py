"""Says whether two pictures are one picture that was edited, at a second look.

Thumbnails (:mod:`vqadata.images.glance`) do not tell an object that was replaced from text over a
picture. So pairs get a second look at more pixels, and at colours. Text is thin: among its strokes
the picture shows through, and the strokes stand in one picture only. An object is solid. Two forms
filled in differently are thin too, but there each picture has strokes which the other one lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vqadata.images.alignment import Fit, lay_over, warped_by
from vqadata.images.glance import FAR, NOISE, box_mean, misfit

if TYPE_CHECKING:
    from vqadata.images.details import Details
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

SAME_TINT, MIXING, MIXED = 4.0, 4.0, 95
"""Tints of cells whose colours are surely the same; what crops and encoders may add to that, if so
much is to be seen in many places: beyond that percentile of all cells."""

SMALL_THING = 3
"""Squares of two by two cells that a small thing fills at most: two by four cells."""

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

WEAK, FAINT = 38.0, 12.0
"""Strong changes of fewer grey levels are those of clipped light, up to a local difference FAR; of
so few, also where a single colour was cut off."""

SOLID, STROKES, MOST_TEXT, BOTH, OBLONG = 0.75, 0.33, 0.045, 0.6, 2.5
"""Text is less solid or has more edge, covers less, stands in one picture only, and is wider than
high."""

ONE_SIDED, LINES = 0.13, 0.16
"""Of bold text less than that stands in both pictures, and its lines are not as high as that."""

WRITTEN, TILTED, TEXT_SIZE = 0.7, 0.25, (0.2, 0.5)
"""So much edge is that of strokes alone, even if they are not wider than high: text on a slant, or
short lines below each other; less stands in both pictures. They are wider and less high than
that: a small thing may be all edge."""

CLIPPED = 0.5, 40.0
"""Share of changed pixels that are near white or black in one picture if light was cut off there;
within how many levels, as a pixel averages many."""

SPOT = 3e-4
"""Share of the pixels from which on a strong change in one place is none of chance."""

THIN, SPREAD = 0.5, 0.35
"""Changes of a page are less solid, and spread over more of its width and height."""

STRONG, THING, PLACE, LOOSE = 40.0, 30.0, 0.35, 0.25
"""A spot and a thing differ by more grey levels, in a smaller place; a thing is more solid."""


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
    clipped: float = 0.0
    """Share of the changed pixels that are white or black in one of the pictures."""
    cells: Pixels | None = None
    """Cells of the colours in or beside which any pixel changed, bool, shape (32, 32)."""

    def is_text(self, flat: bool = False) -> bool:
        """Whether they look like a line or some lines of text, in one of the pictures alone.

        In ``flat`` pictures text is wider than high: the outline of a thing looks written, too.
        """
        bold = self.edge > STROKES and self.both < ONE_SIDED and self.height < LINES
        thin = (self.solid < SOLID or bold) and self.changed < MOST_TEXT
        oblong = self.width >= OBLONG * self.height and self.both < BOTH
        written = self.edge > WRITTEN and self.both < TILTED
        written = written and self.width >= TEXT_SIZE[0] and self.height <= TEXT_SIZE[1]
        return self.changed > 0 and thin and (oblong or (written and not flat))

    def is_local(self) -> bool:
        """Whether they are in one place."""
        return max(self.width, self.height) < PLACE

    def is_spot(self) -> bool:
        """Whether they are strong and in one place, however small that is."""
        return self.strength >= STRONG and self.is_local() and self.changed >= SPOT

    def is_spread(self) -> bool:
        """Whether they are thin and strong, and lie all over: lines of a page do."""
        wide = min(self.width, self.height) >= SPREAD
        return wide and self.solid < THIN and self.strength >= STRONG

    def is_thing(self) -> bool:
        """Whether they look like a thing: strong, in one place, and not like text."""
        strong = self.strength >= THING and self.is_local()
        return strong and self.solid > LOOSE and not self.is_text()


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


class Apart(NamedTuple):
    """How far the colours of the cells of two pictures are apart, float32, in tints.

    Both are 0 if one of the pictures is without any.
    """

    nearest: Pixels
    """A cell may have the colour of any cell next to it; shape (32, 32)."""
    mixed: Pixels
    """Or any colour between those: a crop mixes the colours of an edge anew. By blue and red, shape
    (2, 32, 32)."""


def colours_apart(fit: Fit, first: CloseUp, second: CloseUp) -> Apart:
    """How far the colours of the cells of two pictures are apart.

    A picture that lost its colours keeps its light; a grey thing on a plain ground is another one.

    Args:
        fit: Of the first by the second.
        first: A picture.
        second: Another one.
    """
    import numpy as np

    a, b = first.tints, second.tints
    weaker, stronger = sorted((float(np.abs(a).max()), float(np.abs(b).max())))
    if weaker < GREY or stronger < COLOURLESS:
        same = stronger < COLOURLESS or _keeps_light(fit, first)
        every = np.full((TINT_SIDE, TINT_SIDE), 0 if same else np.inf, np.float32)
        return Apart(every, np.stack([every, every]))
    gain = np.clip((a * b).sum() / max(float((a * a).sum()), 1.0), *SATURATION)
    shown, seen = warped_by(a, np.repeat(fit.numbers, 2, axis=0))
    padded = np.pad(gain * shown, ((0, 0), (1, 1), (1, 1)), mode="edge")
    steps = [(down, across) for down in range(3) for across in range(3)]
    shifted = np.stack([padded[:, d : d + TINT_SIDE, c : c + TINT_SIDE] for d, c in steps])
    nearest = np.hypot(*np.moveaxis(b - shifted, 1, 0)).min(axis=0)
    mixed = b - np.clip(b, shifted.min(axis=0), shifted.max(axis=0))
    return Apart(np.where(seen[0], nearest, 0), np.where(seen[0], mixed, 0))


def _keeps_light(fit: Fit, first: CloseUp) -> bool:
    """Whether a picture that lost its colours is as light as it was, on the whole."""
    gain, offset = (float(number) for number in fit.numbers[0, 4:])
    change = (gain - 1) * float(first.pixels.mean()) + offset
    return abs(gain - 1) < SAME_GAIN and abs(change) < SAME_OFFSET


def has_other_tint(apart: Pixels) -> bool:
    """Whether a thing has another colour, strong or weak.

    Args:
        apart: Of the nearest colours.
    """
    import numpy as np

    weak = box_mean((apart > OTHER_TINT).astype(np.float32), TINT_WINDOW) * TINT_WINDOW**2
    strong = int((apart > OTHER_COLOUR).sum())
    return strong >= OTHER_CELLS or float(weak.max()) > OTHER_TINTS - 0.5


def same_tints(apart: Pixels) -> bool:
    """Whether no thing has another colour, however small: one of two by two cells.

    What a crop mixed anew lies along edges, in many places that are less than three cells wide.

    Args:
        apart: Of mixed colours.
    """
    import numpy as np

    far = np.hypot(*apart)
    other = far > SAME_TINT + min(float(np.percentile(far, MIXED)), MIXING)
    squares = [_squares(other, side) for side in (2, 3)]
    return not (0 < squares[0] <= SMALL_THING or squares[1])


def _squares(cells: Pixels, side: int) -> int:
    """How many squares of so many cells are full."""
    import numpy as np

    size = len(cells) - side + 1
    full = np.ones((size, size), bool)
    for down in range(side):
        for across in range(side):
            full &= cells[down : down + size, across : across + size]
    return int(full.sum())


def same_light(fit: Fit) -> bool:
    """Whether flat pictures are alike in their light, too: their outlines say little."""
    return 1 / FLAT_GAIN <= float(fit.numbers[0, 4]) <= FLAT_GAIN


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
        clipped=float(_cut_off(explained, explained + residual)[changed].mean()),
        cells=_around(changed),
    )


def without(apart: Pixels, closer: Closer) -> Pixels:
    """How far colours are apart beside what changed; as :func:`colours_apart` gives them."""
    import numpy as np

    return apart if closer.cells is None else np.where(closer.cells, 0, apart)


def _around(changed: Pixels) -> Pixels:
    """The cells in which any pixel changed, and those next to them."""
    import numpy as np

    size = CLOSE_SIDE // TINT_SIDE
    cells = changed.reshape(TINT_SIDE, size, TINT_SIDE, size).any((1, 3))
    near: Pixels = np.asarray(cells, np.float32)
    return np.asarray(box_mean(near, 3) > 0)


def excused(largest: float, closer: Closer, details: Details) -> bool:
    """Whether changes that are no text come from light alone.

    Either it was cut off at white or black, and what is left shows the same; or levels changed in
    no one place (another formula for grey), and all details are where they were.
    """
    if closer.strength >= WEAK:
        return False
    cut_off = closer.clipped >= CLIPPED[0] or closer.strength < FAINT
    cut_off = cut_off and largest <= FAR and not details.differ()
    return cut_off or (details.agree() and not closer.is_local())


def _cut_off(one: Pixels, other: Pixels) -> Pixels:
    """Where either picture is white or black."""
    import numpy as np

    brighter, darker = np.maximum(one, other), np.minimum(one, other)
    return np.asarray((brighter >= 255 - CLIPPED[1]) | (darker <= CLIPPED[1]))


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
