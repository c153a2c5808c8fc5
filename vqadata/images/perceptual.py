"""What a picture looks like, in few bytes: two hashes and a small grey thumbnail, from grey pixels.

The hashes are signs of the lowest frequencies of a discrete cosine transform (after Zauner 2010,
"Implementation and benchmarking of perceptual image hash functions"), here of a thumbnail of 64 x
64. They hardly change when a picture is encoded again, resized, made brighter or grey, and change
in some bits when it is cropped. A sign needs no median, and so mirroring is exact: the mirror image
has the signs of the odd horizontal frequencies turned, which is one exclusive or.

Hashes find candidates only; pictures of which one object was replaced have nearly the same hash.
:mod:`vqadata.images.alignment` compares the thumbnails.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Pixels: TypeAlias = np.ndarray[Any, np.dtype[Any]]

THUMB_SIDE = 64
"""Width and height of the thumbnail in pixels; the picture's aspect is given up."""

WIDE_BITS = 256

MIN_SIDE = 24
"""Pixels of the short side below which a picture shows too little to be told apart."""

MIN_CONTRAST = 4.0
"""Standard deviation of grey levels below which a picture is plain."""

FINGERPRINT_BYTES = WIDE_BITS // 8 + THUMB_SIDE * THUMB_SIDE
"""Size of a fingerprint: the wide hash, then the thumbnail."""


def fingerprint(grey: Pixels) -> bytes | None:
    """The fingerprint of a picture: 256 bits of hash, then the thumbnail row by row.

    The first 64 bits are the lowest frequencies and a hash of their own.

    Args:
        grey: uint8, shape (height, width), of any size from 1 x 1.

    Returns:
        4,128 bytes; ``None`` for a plain picture, which is like every other plain one, and for a
        tiny one.
    """
    import numpy as np

    thumb = thumbnail(grey)
    if min(grey.shape) < MIN_SIDE or thumb.std() < MIN_CONTRAST:
        return None
    table = _cosines()
    levels = thumb.astype(np.float32)
    spectrum = (table @ (levels - levels.mean()) @ table.T).ravel()
    return np.packbits(spectrum[_lowest(WIDE_BITS)] > 0).tobytes() + thumb.tobytes()


def thumbnail(grey: Pixels) -> Pixels:
    """The thumbnail, uint8 of shape (64, 64): every pixel counts, none is skipped."""
    import numpy as np
    from PIL import Image

    side = THUMB_SIDE
    picture = Image.fromarray(np.ascontiguousarray(grey))
    height, width = grey.shape
    # Whole boxes are averaged first, which is quick; the triangle filter then hides their edges.
    factors = max(1, width // (3 * side)), max(1, height // (3 * side))
    if factors != (1, 1):
        picture = picture.reduce(factors)
    box = (0.0, 0.0, width / factors[0], height / factors[1])
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR, box=box))


def mirrored(hashes: Pixels) -> Pixels:
    """The hashes of the mirror images.

    Args:
        hashes: uint8, shape (pictures, 32).
    """
    return hashes ^ _odd_columns()


FREQUENCIES = 24
"""Rows and columns of the spectrum that are worked out; the 257 lowest lie within."""


@cache
def _cosines() -> Pixels:
    """The rows of the transform: float32, shape (24, 64)."""
    import numpy as np

    places = (np.arange(THUMB_SIDE) + 0.5) * np.pi / THUMB_SIDE
    return np.cos(np.arange(FREQUENCIES)[:, None] * places).astype(np.float32)


@cache
def _lowest(count: int) -> Pixels:
    """Places of the lowest frequencies in the flattened spectrum, without that of the mean."""
    import numpy as np

    down, across = np.divmod(np.arange(FREQUENCIES * FREQUENCIES), FREQUENCIES)
    order = np.lexsort((across, down, down**2 + across**2))
    return order[1 : count + 1]


@cache
def _odd_columns() -> Pixels:
    """The bits that turn when a picture is mirrored, packed like a wide hash."""
    import numpy as np

    return np.packbits(_lowest(WIDE_BITS) % FREQUENCIES % 2 == 1)
