"""From encoded bytes to RGB arrays, by the policy of :mod:`vqadata.images.decode`, but faster.

An ordinary JPEG is decoded by libjpeg-turbo itself (simplejpeg), which gives the pixels that Pillow
gives, to the bit. All else goes through Pillow and the policy: other formats, JPEGs with an
orientation, in CMYK or damaged. ``exact`` resizes by Pillow; ``fast`` by the bicubic kernel of
torch with antialiasing, which was never seen further than 2 of 256 levels from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from vqadata.errors import MissingExtraError
from vqadata.images.decode import to_rgb
from vqadata.images.header import MAX_PIXELS

if TYPE_CHECKING:
    import numpy as np

    Pixels: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
    Buffer: TypeAlias = bytes | memoryview | np.ndarray[Any, np.dtype[np.uint8]]

Resize: TypeAlias = Literal["exact", "fast"]

_FRAMES = {0xC0, 0xC1, 0xC2}
"""Markers of frames that libjpeg decodes: baseline, extended, progressive (ITU-T T.81, B.1)."""

_SCAN, _APP1 = 0xDA, 0xE1


class Decoder(NamedTuple):
    """Makes pixels of pictures.

    Raises:
        MissingExtraError: ``fast`` was asked for and torch is not installed.
    """

    size: int | None = None
    """Width and height of the result; ``None`` for the picture's own."""
    resize: Resize = "exact"
    """How it is brought to that size."""

    def __call__(self, data: Buffer) -> Pixels:
        """Decode one picture.

        Returns:
            uint8 of shape (height, width, 3).

        Raises:
            VqaDataError: It cannot be decoded.
        """
        pixels = decoded(bytes(data))
        if self.size is None or pixels.shape[:2] == (self.size, self.size):
            return pixels
        return resized(pixels, self.size) if self.resize == "exact" else _resized(pixels, self.size)


def decoded(data: bytes) -> Pixels:
    """The RGB pixels of an encoded picture: those of :func:`~vqadata.images.decode.to_rgb`.

    Raises:
        VqaDataError: It cannot be decoded.
    """
    import numpy as np

    if is_plain_jpeg(data):
        import simplejpeg

        try:
            pixels: Pixels = simplejpeg.decode_jpeg(data)
        except ValueError:  # The other way finds out what is wrong, or that nothing is.
            pass
        else:
            return pixels
    return np.asarray(to_rgb(data))


def is_plain_jpeg(data: bytes) -> bool:
    """Whether a picture is an upright JPEG of one or three channels and of a bearable size.

    Only its markers are read. Where anything is unusual the answer is no.
    """
    if data[:3] != b"\xff\xd8\xff":
        return False
    at, plain = 2, False
    while at + 10 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _SCAN:
            return plain
        if marker == _APP1 and b"rientation" in data[at : at + length]:
            return False
        if marker == _APP1 and data[at + 4 : at + 8] == b"Exif" and _is_turned(data):
            return False
        if marker in _FRAMES:
            height, width = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (5, 7))
            plain = data[at + 9] in (1, 3) and 0 < height * width <= MAX_PIXELS
        at += 2 + length
    return False


def resized(pixels: Pixels, size: int) -> Pixels:
    """A picture in another size: bicubic with antialiasing, as Pillow does it."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC))


def _resized(pixels: Pixels, size: int) -> Pixels:
    """The same by torch; the strides of its input make it keep the channels last."""
    try:
        import torch
    except ModuleNotFoundError:
        raise MissingExtraError("resize=fast", "train", "torch") from None
    if not pixels.flags.writeable:
        pixels = pixels.copy()
    planes = torch.from_numpy(pixels)[None].permute(0, 3, 1, 2)
    result = torch.nn.functional.interpolate(
        planes, (size, size), mode="bicubic", antialias=True, align_corners=False
    )
    found: Pixels = result[0].permute(1, 2, 0).numpy()
    return found


def _is_turned(data: bytes) -> bool:
    """Whether the EXIF of a JPEG says that it is not upright."""
    import io

    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return bool(picture.getexif().get(_ORIENTATION, 1) != 1)
    except Exception:  # noqa: BLE001 - Pillow's plugins raise anything on hostile bytes
        return True


_ORIENTATION = 0x0112
