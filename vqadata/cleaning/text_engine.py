"""Reading text in pictures: one face for all engines.

An engine is found in ``vqadata/ocr`` by its file name. It says whether it can run here and what is
missing if not; it never downloads unless it is told that it may. It gives every line that it reads,
also those it is unsure of, with the confidence: whoever asks decides what is sure enough.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    Rgb = np.ndarray[Any, np.dtype[np.uint8]]

LANGUAGES = ("en", "zh")
"""Languages that are read: English and simplified Chinese."""


SMALL, LARGER = 960, 2.5
"""Longest side, in pixels, below which a picture is enlarged before it is read, and how much at
most: the letters of marks in small pictures are smaller than engines were trained for."""


class TextLine(NamedTuple):
    """A piece of text in a picture."""

    text: str
    """As it was read."""
    confidence: float
    """The engine's own, 0 to 1; not comparable between engines."""
    corners: tuple[float, ...]
    """x and y of the corners in pixels of the picture: top left, top right, bottom right, bottom
    left, as seen along the text."""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The upright rectangle around it: x0, y0, x1, y1, in pixels."""
        xs, ys = self.corners[::2], self.corners[1::2]
        return math.floor(min(xs)), math.floor(min(ys)), math.ceil(max(xs)), math.ceil(max(ys))

    @property
    def angle(self) -> float:
        """Degrees by which the text is turned, clockwise, from -90 to 90."""
        across, down = self.corners[2] - self.corners[0], self.corners[3] - self.corners[1]
        turned = math.degrees(math.atan2(down, across))
        return (turned + 90) % 180 - 90

    @property
    def height(self) -> float:
        """Height of the letters in pixels, across the text."""
        down = self.corners[6] - self.corners[0], self.corners[7] - self.corners[1]
        return math.hypot(*down)


class EngineOptions(NamedTuple):
    """What a user says of reading."""

    models: Path | None = None
    """Folder of weights; by default those that an engine brings along."""
    download: bool = False
    """Whether an engine may download weights that are missing."""
    languages: tuple[str, ...] = LANGUAGES
    side: int = 960
    """Longest side to which a picture is reduced before it is read, in pixels."""


class TextEngine(ABC):
    """Reads text in pictures."""

    options: EngineOptions
    name: ClassVar[str]
    """Name of the engine, as in its file's name."""
    sure: ClassVar[float] = 0.6
    """Confidence from which on a line can be believed."""

    @classmethod
    @abstractmethod
    def missing(cls, options: EngineOptions) -> str:
        """What keeps the engine from running here, and what to do; empty if nothing does."""

    @abstractmethod
    def __init__(self, options: EngineOptions) -> None:
        """Load the engine.

        Raises:
            VqaDataError: It cannot run, or its weights are not those that were published.
        """

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Versions of the software and digests of the weights, for the manifest."""

    @abstractmethod
    def read_fitted(self, rgb: Rgb) -> list[TextLine]:
        """Read a picture whose longest side is within the limit."""

    def read(self, rgb: Rgb, side: int | None = None) -> list[TextLine]:
        """Read a picture.

        Args:
            rgb: ``[height, width, 3]``.
            side: Longest side in which it is read at most, if that is less than the user's.

        Returns:
            Lines in reading order, in pixels of ``rgb``.
        """
        fitted, factor = fit(rgb, min(side or self.options.side, self.options.side))
        lines = [
            line._replace(
                text=line.text.strip(),
                confidence=round(float(line.confidence), 3),
                corners=tuple(round(float(c) * factor, 1) for c in line.corners),
            )
            for line in self.read_fitted(fitted)
            if line.text.strip()
        ]
        return sorted(lines, key=lambda line: (line.box[1], line.box[0], line.text))


def fit(rgb: Rgb, side: int) -> tuple[Rgb, float]:
    """Bring a picture to a size that can be read; the factor leads back to its own pixels.

    Args:
        rgb: ``[height, width, 3]``.
        side: Longest side to which a picture is reduced. Small ones are enlarged (:data:`SMALL`).
    """
    import cv2
    import numpy as np

    height, width = rgb.shape[:2]
    longest = max(height, width)
    factor = max(longest / side, min(longest / min(SMALL, side), 1.0), 1 / LARGER)
    if factor == 1:
        return np.ascontiguousarray(rgb), 1.0
    size = max(round(width / factor), 1), max(round(height / factor), 1)
    how = cv2.INTER_AREA if factor > 1 else cv2.INTER_CUBIC
    return cv2.resize(rgb, size, interpolation=how), factor
