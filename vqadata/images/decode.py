"""From encoded bytes to RGB pixels, by one normalisation policy for cleaning, training and serving.

EXIF orientation is applied. 16-bit and 32-bit grey is scaled to its own range (a plain ``convert``
saturates: it turns 98% of a 16-bit X-ray white). Transparency is composited on white. Of an
animated picture the first frame is taken.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from vqadata.errors import VqaDataError
from vqadata.images.header import BadPicture, open_picture, said_by_pillow

if TYPE_CHECKING:
    from PIL.Image import Image

DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
"""Pillow modes with more than eight bits a channel."""

NORMALISATION = "exif-applied,deep-grey-scaled,alpha-on-white,first-frame,rgb"
"""Name of the policy, recorded beside what was made with it."""


def decode(data: bytes | memoryview) -> Image:
    """Decode all pixels, unchanged.

    Raises:
        BadPicture: The header's reasons, or ``truncated`` when the pixel data ends early or is
            damaged.
    """
    picture = open_picture(data)
    load(picture)
    return picture


def load(picture: Image) -> None:
    """Decode the pixels of an opened picture; of an animated one those of the first frame.

    Raises:
        BadPicture: ``truncated``, as for :func:`decode`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture.load()
    except Exception as error:  # noqa: BLE001 - Pillow's plugins raise anything on hostile bytes
        raise BadPicture("truncated", said_by_pillow(error)) from None


def to_rgb(data: bytes | memoryview) -> Image:
    """Decode and normalise one picture.

    Returns:
        A Pillow picture in mode RGB.

    Raises:
        VqaDataError: The picture cannot be decoded.
    """
    try:
        return normalise(decode(data))
    except BadPicture as bad:
        raise VqaDataError(
            "picture", f"{bad.code}, {bad.detail}", "a whole picture", "Run vqadata clean first."
        ) from None


def normalise(picture: Image) -> Image:
    """Apply the policy to a decoded picture."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(picture)
    if upright.mode in DEEP_MODES:
        upright = _to_eight_bits(upright)
    if upright.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in upright.info:
        see_through = upright.convert("RGBA")
        white = Image.new("RGBA", see_through.size, "white")
        upright = Image.alpha_composite(white, see_through)
    return upright.convert("RGB")


def _to_eight_bits(picture: Image) -> Image:
    """Scale grey levels linearly from their own range to 0-255."""
    import numpy as np
    from PIL import Image

    levels: np.ndarray[Any, np.dtype[np.float32]] = np.asarray(picture, dtype=np.float32)
    low, high = float(levels.min()), float(levels.max())
    scaled = (levels - low) * (255.0 / (high - low)) if high > low else np.zeros_like(levels)
    return Image.fromarray(scaled.round().astype(np.uint8))
