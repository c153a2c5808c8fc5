"""What a learnt mark looks like: the mean of what stands out at its place in those that carry it.

What the pictures show averages out; the mark remains. Its strokes are what is masked, and the
picture of it is the evidence that a person sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vqadata.overlay.template import Template

if TYPE_CHECKING:
    from vqadata.overlay.region import Floats, Mask
    from vqadata.overlay.zone import Grey

ROOM = 6
"""Pixels around the template that are looked at: what compression smears belongs to the mark."""

SMOOTH = 31
"""Least side of the window whose median is the picture without the mark, in pixels; odd. Twice as
high as the mark: large letters fill more than half of a smaller one, and pass for its ground."""

ENOUGH = 400
"""Pictures after which the mean is good enough."""

FAINT = 2.5
"""Grey levels below which nothing stands out."""


class Imprint:
    """Adds up what stands out at the place of a mark.

    Args:
        template: The mark.
    """

    def __init__(self, template: Template) -> None:
        """Begin with no picture."""
        import numpy as np

        self.template = template
        rows, columns = template.weights.shape[2:]
        shape = rows + 2 * ROOM, columns + 2 * ROOM
        self._sums: Floats = np.zeros(shape, np.float32)
        self._counts: Floats = np.zeros(shape, np.float32)
        self.pictures = 0

    def add(self, grey: Grey) -> None:
        """Add a picture that carries the mark."""
        import cv2
        import numpy as np

        if self.pictures >= ENOUGH:
            return
        self.pictures += 1
        y0, x0 = self.corner(grey.shape)
        rows, columns = self._sums.shape
        top, left = max(-y0, 0), max(-x0, 0)
        part = grey[max(y0, 0) : max(y0 + rows, 0), max(x0, 0) : max(x0 + columns, 0)]
        if not part.size:
            return
        side = max(SMOOTH, 2 * rows + 1)
        high = part.astype(np.float32) - cv2.medianBlur(np.ascontiguousarray(part), side)
        here = slice(top, top + part.shape[0]), slice(left, left + part.shape[1])
        self._sums[here] += high
        self._counts[here] += 1

    def corner(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Row and column of the imprint's first pixel in a picture; may be negative."""
        x0, y0, _, _ = self.template.box(shape[0], shape[1])
        return y0 - ROOM, x0 - ROOM

    def mean(self) -> Floats:
        """What stands out, in grey levels, ``[height, width]``."""
        import numpy as np

        return np.asarray(self._sums / np.maximum(self._counts, 1), np.float32)

    def strokes(self) -> Mask:
        """The pixels of the mark, ``[height, width]``."""
        import cv2
        import numpy as np

        size = np.abs(self.mean())
        scale = 255 / max(float(size.max()), 1e-6)
        level, _ = cv2.threshold((size * scale).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
        return np.asarray(size > max(level / scale * 0.6, FAINT))

    def picture(self) -> Grey:
        """The mark as a grey picture: 128 where nothing stands out."""
        import numpy as np

        mean = self.mean()
        scale = 120 / max(float(np.abs(mean).max()), 1.0)
        shown: Grey = np.clip(128 + mean * scale, 0, 255).astype(np.uint8)
        return shown
