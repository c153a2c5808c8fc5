"""The second look: a candidate is held against its group, and learnt anew from its carriers.

Each half of the pictures is judged by what the other half has taught. So a picture never speaks
for itself, and a pattern that was there by chance in one half is not found in the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vqadata.overlay.agreement import BLOCK, half_of
from vqadata.overlay.region import (
    AGREEING,
    SMOOTH,
    Region,
    frame,
    has_strokes,
    without_lines,
    without_specks,
)
from vqadata.overlay.template import REACH, Template, look, surroundings, template_of

if TYPE_CHECKING:
    from vqadata.overlay.agreement import Signs
    from vqadata.overlay.region import Floats
    from vqadata.overlay.zone import Grey

SAMPLE = 400
"""Pictures of a group that a mark is learnt from."""

ROUNDS = 2
"""How often a mark is learnt anew; each time it may grow by :data:`REACH` pixels."""

FEWEST = 3
"""Pictures that must carry a mark."""

SHARE = 0.01
"""Smallest share of the sample that must carry it."""

STEADY = 0.3
"""A pixel belongs to a mark if it agrees in this share more of its pictures than it disagrees."""


class Learnt(NamedTuple):
    """A mark that stood the second look."""

    template: Template
    carriers: int
    """Pictures of the sample that carry it."""
    looked: int
    """Pictures of the sample."""
    strength: float
    """Agreement of both halves when it was found, in units of chance."""


class Learner:
    """Takes pictures of a group and learns a mark from them.

    Args:
        region: Where both halves of the group agreed.
        zone: The zone of the region.
    """

    def __init__(self, region: Region, zone: str) -> None:
        """Begin with what the sums say."""
        self.strength = region.strength
        self.template = template_of((zone, region.top, region.left), region.weights)
        self._field = Field(self.template)
        self._seen: list[Signs] = []
        self._halves: list[int] = []

    def add(self, grey: Grey, digest: str) -> None:
        """Take a picture of the group."""
        self._seen.append(self._field.cut(grey))
        self._halves.append(half_of(digest))

    def learn(self) -> Learnt | None:
        """The mark as its carriers show it; ``None`` if too few carry it."""
        import numpy as np

        for _ in range(ROUNDS):
            carries = self._carriers()
            if not self._enough(carries):
                return None
            seen = np.stack(self._seen)
            halves = [
                seen[[here and half == mine for here, half in zip(carries, self._halves)]]  # noqa: B905
                for mine in (0, 1)
            ]
            self.template = self._field.taught(self.template, halves) or self.template
        carries = self._carriers()
        if not self._enough(carries):
            return None
        return Learnt(self.template, sum(carries), len(carries), self.strength)

    def _enough(self, carries: list[bool]) -> bool:
        return sum(carries) >= max(FEWEST, SHARE * len(carries))

    def _carriers(self) -> list[bool]:
        """Which pictures carry the mark, by what the other half has taught."""
        window = self._field.around(self.template)
        return [
            look(seen[:, *window], self.template.weights[1 - half]).carries
            for seen, half in zip(self._seen, self._halves, strict=True)
        ]


class Field:
    """A part of the picture plane, fixed to a zone: a first template, and room for it to grow."""

    def __init__(self, template: Template) -> None:
        """Lay out the room around a first template."""
        import numpy as np

        room = ROUNDS * REACH
        rows, columns = template.weights.shape[2:]
        empty = np.zeros((2, 2, rows + 2 * room, columns + 2 * room), np.float32)
        self._wide = Template(template.zone, template.top - room, template.left - room, empty)
        self._top = self._wide.top - REACH
        self._left = self._wide.left - REACH

    def cut(self, grey: Grey) -> Signs:
        """The signs of a picture there: the room, and :data:`REACH` pixels around it."""
        return surroundings(grey, self._wide)

    def around(self, template: Template) -> tuple[slice, slice]:
        """Rows and columns of a template and its surroundings."""
        rows, columns = template.weights.shape[2:]
        top, left = template.top - self._top - REACH, template.left - self._left - REACH
        return slice(top, top + rows + 2 * REACH), slice(left, left + columns + 2 * REACH)

    def taught(self, template: Template, halves: list[Signs]) -> Template | None:
        """What the carriers of both halves show around a template.

        Args:
            template: What they were told by.
            halves: Signs of the carriers in each half, ``[carriers, 2, rows, columns]``.

        Returns:
            The new template; ``None`` if there are no strokes.
        """
        import numpy as np

        rows, columns = self.around(template)
        said = np.stack([steady(half[:, :, rows, columns]) for half in halves])
        both = said.sum(axis=0) / np.sqrt(np.float32(2))
        agreeing = np.where(np.abs(both) > AGREEING, both, 0)
        inside = self._with_room(agreeing, rows.start, columns.start)
        strokes = without_specks(without_lines(inside))
        if not has_strokes(strokes):
            return None
        tight = frame(strokes, margin=0)
        weights = np.where(strokes != 0, said, 0)[:, :, *tight].astype(np.float32)
        top = self._top + rows.start + tight[0].start
        left = self._left + columns.start + tight[1].start
        return template_of((template.zone, top, left), weights)

    def _with_room(self, strokes: Floats, top: int, left: int) -> Floats:
        """The strokes that are far enough from the edge of the field to be looked around at."""
        import numpy as np

        rows, columns = strokes.shape[1:]
        high, wide = (size + 2 * REACH for size in self._wide.weights.shape[2:])
        inside = np.zeros((rows, columns), bool)
        inside[
            max(REACH - top, 0) : high - REACH - top, max(REACH - left, 0) : wide - REACH - left
        ] = True
        return np.where(inside, strokes, 0)


def steady(seen: Signs) -> Floats:
    """How steadily edges point one way in all pictures, in standard deviations.

    Args:
        seen: ``[pictures, 2, rows, columns]``.

    Returns:
        ``[2, rows, columns]``; 0 where too few agree.
    """
    import cv2
    import numpy as np

    sums = seen.sum(axis=0, dtype=np.float32)
    counts = np.count_nonzero(seen, axis=0).astype(np.float32)
    spread = np.stack([cv2.blur(part, (BLOCK, BLOCK)) for part in counts])
    scaled = sums / np.sqrt(spread + 1)
    local = np.stack([cv2.blur(part, (SMOOTH, SMOOTH)) for part in scaled])
    return np.where(np.abs(sums) >= STEADY * len(seen), scaled - local, np.float32(0))
