"""Takes marks out of a picture: which pixels are theirs, and what is put in their place.

Only the strokes of letters are filled, not their boxes: between the strokes the picture is still
there, and from it the strokes are filled (Telea 2004). Measured on photos with lines of 14 pixels,
a stroke mask comes 3 to 4 dB nearer to the unmarked picture than a box.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.images.filled import chunk

if TYPE_CHECKING:
    import numpy as np

    from vqadata.cleaning.text_engine import Rgb
    from vqadata.overlay.zone import Grey

    Mask = np.ndarray[Any, np.dtype[np.bool_]]
    Box = tuple[int, int, int, int]

RADIUS = 4
"""Neighbourhood from which a pixel is filled, in pixels."""

ROOM = 12
"""Pixels around the strokes that take part in the filling."""

STEPS = (2, 3, 5)
"""Pixels by which strokes are widened, in turn, until no mark is read; then comes the box."""

STROKES_TO_LETTER = 0.6
"""Widest stroke or gap within a letter, over its height."""


class Piece(NamedTuple):
    """One piece of a mark in a picture."""

    box: Box
    """x0, y0, x1, y1 within the picture."""
    strokes: Mask
    """Its pixels in that box, not widened."""


def clipped(box: Box, shape: tuple[int, ...], room: int = 0) -> Box:
    """A box, with some room around it, within a picture of ``shape``."""
    x0, y0, x1, y1 = box
    return (
        min(max(x0 - room, 0), shape[1]),
        min(max(y0 - room, 0), shape[0]),
        min(max(x1 + room, 0), shape[1]),
        min(max(y1 + room, 0), shape[0]),
    )


def strokes(grey: Grey, corners: tuple[float, ...], letters: float) -> Piece:
    """The strokes of a text that was read.

    Letters are brighter or darker than what is around them: whichever of both stands out more.

    Args:
        grey: The picture, ``[height, width]``.
        corners: x and y of the four corners of the text.
        letters: Height of the letters, in pixels.
    """
    import cv2
    import numpy as np

    xs, ys = corners[::2], corners[1::2]
    around = int(min(xs)), int(min(ys)), int(max(xs)) + 1, int(max(ys)) + 1
    box = x0, y0, x1, y1 = clipped(around, grey.shape, 2)
    part = grey[y0:y1, x0:x1]
    size = max(int(letters * STROKES_TO_LETTER) | 1, 5)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    hats = [cv2.morphologyEx(part, kind, kernel) for kind in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT)]
    hat = max(hats, key=lambda one: float(np.percentile(one, 90)))
    inside = np.zeros(part.shape, np.uint8)
    outline = np.array(corners, np.float32).reshape(4, 2) - (x0, y0)
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 1)
    inside = cv2.dilate(inside, np.ones((5, 5), np.uint8))
    level, _ = cv2.threshold(hat[inside > 0].reshape(1, -1), 0, 255, cv2.THRESH_OTSU)
    return Piece(box, (hat > max(level * 0.7, 4)) & (inside > 0))


def ink(pieces: list[Piece], shape: tuple[int, ...]) -> int:
    """How many pixels of a picture the strokes of some pieces take.

    A long mark is found in several zones; its pieces lie over each other, and a pixel counts once.
    """
    import numpy as np

    mask = np.zeros(shape[:2], bool)
    for (x0, y0, x1, y1), inside in pieces:
        mask[y0:y1, x0:x1] |= inside
    return int(mask.sum())


def mask_of(pieces: list[Piece], shape: tuple[int, ...], step: int) -> Mask:
    """The pixels to fill.

    Args:
        pieces: The pieces of all marks.
        shape: Of the picture.
        step: Which of :data:`STEPS`; beyond them the whole boxes.
    """
    import cv2
    import numpy as np

    mask = np.zeros(shape[:2], np.uint8)
    for (x0, y0, x1, y1), inked in pieces:
        mask[y0:y1, x0:x1] |= inked.astype(np.uint8) if step < len(STEPS) else 1
    if step < len(STEPS):
        size = 2 * STEPS[step] + 1
        mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return np.asarray(mask > 0)


def rectangles(mask: Mask) -> list[Box]:
    """Rectangles that hold all pixels of a mask, a group of strokes each."""
    import cv2
    import numpy as np

    near = cv2.dilate(mask.astype(np.uint8), np.ones((ROOM, ROOM), np.uint8))
    count, labels = cv2.connectedComponents(near)
    found = []
    for label in range(1, count):
        ys, xs = np.nonzero(mask & (labels == label))
        found.append((int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1))
    return sorted(found)


def filled(rgb: Rgb, mask: Mask) -> Rgb:
    """The picture with the pixels of a mask filled from what is around them; no other changes."""
    import cv2
    import numpy as np

    out = rgb.copy()
    for box in rectangles(mask):
        x0, y0, x1, y1 = clipped(box, rgb.shape, ROOM)
        here = mask[y0:y1, x0:x1]
        part = np.ascontiguousarray(out[y0:y1, x0:x1])
        painted = cv2.inpaint(part, here.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)
        out[y0:y1, x0:x1][here] = painted[here]
    return out


def encoded(rgb: Rgb, profile: bytes | None = None, boxes: Iterable[Box] = ()) -> bytes:
    """The picture as PNG, which keeps every pixel; grey pictures with one channel.

    Args:
        rgb: ``[height, width, 3]``.
        profile: Its ICC profile.
        boxes: What was filled, which the picture says of itself.
    """
    import io

    import numpy as np
    from PIL import Image

    grey = np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 0], rgb[..., 2])
    out = io.BytesIO()
    extra = {"icc_profile": profile} if profile and not grey else {}
    picture = Image.fromarray(rgb[..., 0] if grey else rgb)
    picture.save(out, "PNG", pnginfo=chunk(boxes), **extra)
    return out.getvalue()


def untouched(before: Rgb, after: bytes, mask: Mask) -> bool:
    """Whether the encoded picture equals the one before, pixel for pixel, outside the mask."""
    import numpy as np

    from vqadata.images.decode import to_rgb

    now = np.asarray(to_rgb(after))
    return now.shape == before.shape and bool((now[~mask] == before[~mask]).all())
