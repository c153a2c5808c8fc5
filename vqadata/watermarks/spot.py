"""A piece of text where it stands: what the rules for marks look at."""

from __future__ import annotations

from typing import NamedTuple

from vqadata.cleaning.text_engine import TextLine
from vqadata.watermarks.key import key

BAND = 0.18
"""Share of the height or width on each side that is near the edge."""

MIDDLE = 0.15
"""Share of the height and width on each side of the middle that is central."""

LEVEL = 3.0
"""Degrees up to which text is level. Stamps are exactly so, scenes seldom."""

TURNED = 8.0
"""Degrees from which on text is turned on purpose."""


FINE = 26.0
"""Height in pixels of a line that can just be read, with what engines leave around letters."""


class Spot(NamedTuple):
    """One readable piece of text."""

    line: TextLine
    key: str
    width: int
    """Of the picture, in pixels."""
    height: int

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box, in pixels."""
        x0, y0, x1, y1 = self.line.box
        return (x0 + x1) / 2, (y0 + y1) / 2

    @property
    def near_edge(self) -> bool:
        """Whether its middle is in the outer band of the picture, above or below, left or right."""
        x, y = self.centre
        low, high = BAND, 1 - BAND
        return not (low < y / self.height < high and low < x / self.width < high)

    @property
    def central(self) -> bool:
        """Whether its middle is in the middle of the picture."""
        x, y = self.centre
        return abs(x / self.width - 0.5) <= MIDDLE and abs(y / self.height - 0.5) <= MIDDLE

    @property
    def size(self) -> float:
        """Height of the letters over the short side of the picture."""
        return self.line.height / min(self.width, self.height)

    def is_small(self, share: float) -> bool:
        """Whether the letters take at most a share of the short side, or can just be read."""
        return self.size <= share or self.line.height <= FINE

    @property
    def level(self) -> bool:
        """Whether it is level, or turned by a right angle."""
        angle = abs(self.line.angle)
        return angle <= LEVEL or angle >= 90 - LEVEL

    @property
    def turned(self) -> bool:
        """Whether it is turned on purpose, but by no right angle."""
        return TURNED < abs(self.line.angle) < 90 - TURNED


def spots(lines: list[TextLine], width: int, height: int) -> list[Spot]:
    """All lines of a picture, with their keys (which may be empty)."""
    return [Spot(line, key(line.text), width, height) for line in lines]
