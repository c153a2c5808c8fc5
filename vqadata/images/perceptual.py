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
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Pixels: TypeAlias = np.ndarray[Any, np.dtype[Any]]

THUMB_SIDE = 64
"""Width and height of the thumbnail in pixels; the picture's aspect is given up."""

SHORT_BITS = 64
WIDE_BITS = 256


class Fingerprint(NamedTuple):
    """What is kept of a picture's looks: 4,136 bytes."""

    short: bytes
    """64 bits: the lowest frequencies, for finding candidates."""
    wide: bytes
    """256 bits: more frequencies, for sorting out candidates that match by chance."""
    thumb: bytes
    """Grey levels, 64 x 64, row by row."""


def fingerprint(grey: Pixels) -> Fingerprint:
    """Take the fingerprint of a picture.

    Args:
        grey: uint8, shape (height, width), of any size from 1 x 1.
    """
    import numpy as np

    thumb = thumbnail(grey)
    table = _cosines()
    levels = thumb.astype(np.float32)
    spectrum = (table @ (levels - levels.mean()) @ table.T).ravel()
    signs = np.packbits(spectrum[_lowest(WIDE_BITS)] > 0)
    return Fingerprint(signs[: SHORT_BITS // 8].tobytes(), signs.tobytes(), thumb.tobytes())


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
        hashes: uint8, shape (pictures, 8) or (pictures, 32): short or wide hashes.
    """
    return hashes ^ _odd_columns()[: hashes.shape[-1]]


@cache
def _cosines() -> Pixels:
    """The rows of the transform that are used: float32, shape (frequencies, 64)."""
    import numpy as np

    count = 1 + max(int(place) // _TABLE for place in _lowest(WIDE_BITS))
    places = (np.arange(THUMB_SIDE) + 0.5) * np.pi / THUMB_SIDE
    rows = np.cos(np.arange(_TABLE)[:, None] * places[None, :])
    return rows.astype(np.float32) if count <= _TABLE else rows


_TABLE = 24


@cache
def _lowest(count: int) -> Pixels:
    """Places of the lowest frequencies in the flattened spectrum, without that of the mean."""
    import numpy as np

    down, across = np.divmod(np.arange(_TABLE * _TABLE), _TABLE)
    order = np.lexsort((across, down, down**2 + across**2))
    return order[1 : count + 1]


@cache
def _odd_columns() -> Pixels:
    """The bits that turn when a picture is mirrored, packed like a wide hash."""
    import numpy as np

    return np.packbits(_lowest(WIDE_BITS) % _TABLE % 2 == 1)
