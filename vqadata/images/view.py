"""One picture under examination: read once, decoded once, whoever asks.

Each property is worked out when it is first asked for, and only once. What is made of pixels
follows the policy of :mod:`vqadata.images.decode`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from vqadata.images.decode import decode, load, normalise
from vqadata.images.filled import Box, boxes_of
from vqadata.images.header import MAX_PIXELS, BadPicture, Header, header_of, open_picture
from vqadata.images.perceptual import fingerprint

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Pixels: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]

Found = TypeVar("Found")

SMALL = 128
"""Least pixels of the short side of :attr:`View.small`."""

OPAQUE = 255
"""Alpha of a pixel that nothing shines through."""

ORIENTATION = 0x0112
"""EXIF tag of the orientation (Exif 2.32, 4.6.4)."""

_JPEG_FORMATS, _JPEG_MODES = ("JPEG", "MPO"), ("L", "RGB")
"""What libjpeg-turbo decodes to grey by itself; the rest goes through Pillow."""

_CUT_OFF = "Premature end"
"""How libjpeg begins to say that the data ends early (its message JWRN_JPEG_EOF)."""


class _First(NamedTuple):
    """The outcome of the one decode."""

    grey: Pixels
    warnings: list[str]
    rgb: Pixels | None


class View:
    """One picture.

    Args:
        path: As the record names it.
        digest: xxh3-128 of the bytes, hexadecimal.
        data: The encoded bytes.
        max_pixels: Pixels from which on it is refused by its header.
    """

    def __init__(
        self, path: str, digest: str, data: bytes | memoryview, max_pixels: int = MAX_PIXELS
    ) -> None:
        """Decode nothing yet."""
        self.path, self.digest, self.data = path, digest, data
        self._max_pixels = max_pixels

    @property
    def header(self) -> Header:
        """What the header says.

        Raises:
            BadPicture: ``zero-bytes``, ``not-a-picture`` or ``too-many-pixels``.
        """
        return header_of(self.opened)

    @property
    def opened(self) -> Image:
        """The picture as Pillow opens it, for what stands beside the pixels: EXIF, frames.

        Its pixels are decoded only if :attr:`grey` had to be made with Pillow.

        Raises:
            BadPicture: As :attr:`header`.
        """
        return _or_raise(self._opened)

    @cached_property
    def orientation(self) -> int:
        """EXIF orientation, 1 to 8; 1 is upright, also where none is said.

        Raises:
            BadPicture: As :attr:`header`.
        """
        if "exif" not in self.opened.info and self.opened.format in _JPEG_FORMATS:
            return 1
        try:
            value = self.opened.getexif().get(ORIENTATION, 1)
        except Exception:  # noqa: BLE001 - broken EXIF raises anything; the picture may be good
            return 1
        return value if value in range(1, 9) else 1

    @property
    def frames(self) -> int:
        """Frames of an animation or pages of a document; 1 for everything else.

        Raises:
            BadPicture: As :attr:`grey`.
        """
        self._done()
        if self.opened.format in _JPEG_FORMATS:  # MPO: what follows is a preview, or for one eye
            return 1
        try:
            return int(getattr(self.opened, "n_frames", 1))
        except Exception:  # noqa: BLE001 - later frames may be broken; the first one is not
            return 2

    @property
    def see_through(self) -> bool:
        """Whether any pixel lets the background through.

        Raises:
            BadPicture: As :attr:`grey`.
        """
        self._done()
        if "transparency" in self.opened.info:
            return True
        if "A" not in self.opened.getbands():
            return False
        least: int = self.opened.getchannel("A").getextrema()[0]  # type: ignore[assignment]
        return least < OPAQUE

    @property
    def filled(self) -> list[Box]:
        """Places that an earlier clean filled, if it says so itself.

        Raises:
            BadPicture: As :attr:`header`.
        """
        return boxes_of(self.opened.info)

    @property
    def warnings(self) -> list[str]:
        """What libjpeg warned of while it decoded: bit rot. Empty for other formats.

        Raises:
            BadPicture: As :attr:`grey`.
        """
        return self._done().warnings

    @property
    def grey(self) -> Pixels:
        """Grey levels, uint8 of (height, width), upright, in native size: the one decode.

        A JPEG is decoded to its luminance, without its colours.

        Raises:
            BadPicture: As :attr:`header`, or ``truncated``.
        """
        return self._done().grey

    @cached_property
    def small(self) -> Pixels:
        """:attr:`grey` reduced by a whole factor, each pixel the mean of a block.

        The short side still has :data:`SMALL` pixels or more; it is the native size if that has
        less than twice as many.

        Raises:
            BadPicture: As :attr:`grey`.
        """
        return reduced(self.grey, min(self.grey.shape) // SMALL)

    @cached_property
    def fingerprint(self) -> bytes | None:
        """What near-duplicates are found by (:mod:`vqadata.images.perceptual`), for all cleaners.

        Raises:
            BadPicture: As :attr:`grey`.
        """
        return fingerprint(self.small)

    @cached_property
    def rgb(self) -> Pixels:
        """Colours, uint8 of (height, width, 3), pixel for pixel what training sees.

        For a JPEG this is a second decode.

        Raises:
            BadPicture: As :attr:`grey`.
        """
        import numpy as np

        first = self._done()
        if first.rgb is not None:
            return first.rgb
        return np.asarray(normalise(decode(self.data)))

    def _done(self) -> _First:
        return _or_raise(self._first)

    @cached_property
    def _opened(self) -> Image | BadPicture:
        try:
            picture = open_picture(self.data)
            width, height = picture.size
            if width * height > self._max_pixels:
                raise BadPicture("too-many-pixels", f"{width} x {height} pixels")
        except BadPicture as bad:
            return bad
        return picture

    @cached_property
    def _first(self) -> _First | BadPicture:
        """The one decode; what went wrong is kept as well, so that it goes wrong once."""
        try:
            header = self.header
            if header.format in _JPEG_FORMATS and header.mode in _JPEG_MODES:
                found = _luminance(self.data)
                if found is not None:
                    return _First(_upright(found[0], self.orientation), found[1], None)
            return _by_pillow(self.opened)
        except BadPicture as bad:
            return bad


def reduced(grey: Pixels, factor: int) -> Pixels:
    """Grey levels reduced by a whole factor, each the mean of a block; as they are below 2."""
    import numpy as np
    from PIL import Image

    return grey if factor < 2 else np.asarray(Image.fromarray(grey).reduce(factor))


def _by_pillow(picture: Image) -> _First:
    import numpy as np

    load(picture)
    normal = normalise(picture)
    return _First(np.asarray(normal.convert("L")), [], np.asarray(normal))


def _luminance(data: bytes | memoryview) -> tuple[Pixels, list[str]] | None:
    """Decode a JPEG to grey; say what libjpeg warned of. ``None``: better ask Pillow."""
    import simplejpeg

    try:
        return simplejpeg.decode_jpeg(data, "GRAY")[:, :, 0], []
    except ValueError as error:
        warning = str(error)
    if warning.startswith(_CUT_OFF):
        raise BadPicture("truncated", warning)
    try:
        return simplejpeg.decode_jpeg(data, "GRAY", strict=False)[:, :, 0], [warning]
    except ValueError:
        return None


def _upright(grey: Pixels, orientation: int) -> Pixels:
    """Turn and mirror as EXIF says (the orientations of Exif 2.32, 4.6.4)."""
    import numpy as np

    if orientation == 1:
        return grey
    if orientation >= 5:  # rows and columns are exchanged
        grey = grey.T
    if orientation in (2, 3, 6, 7):
        grey = grey[:, ::-1]
    if orientation in (3, 4, 7, 8):
        grey = grey[::-1]
    return np.ascontiguousarray(grey)


def _or_raise(found: Found | BadPicture) -> Found:
    if isinstance(found, BadPicture):
        raise found
    return found
