"""Finds the marks of a group and the pictures that carry them, in two passes over the group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from vqadata.images.filled import is_filled
from vqadata.images.header import BadPicture
from vqadata.overlay.agreement import Agreement
from vqadata.overlay.imprint import Imprint
from vqadata.overlay.learning import SAMPLE, Learner, Learnt
from vqadata.overlay.paper import is_paper
from vqadata.overlay.region import regions
from vqadata.overlay.template import see

if TYPE_CHECKING:
    from vqadata.images.view import View

FEWEST = 8
"""Pictures of a group from which on marks are looked for: with fewer, everything agrees."""

CANDIDATES = 6
"""Most places of one zone that get a second look, the strongest first."""

BESIDE = 24
"""Pixels within which two marks are parts of one."""

SHARED = 0.8
"""Share of a mark's carriers that carry another one too, if it is a part of that."""

LAYOUT = 0.5
"""Share of a mark's carriers that are drawings or pages, if it is a part of their layout."""

Views = Callable[[Iterable[str]], Iterator["View"]]
"""Gives pictures again, by digest."""


class Carrier(NamedTuple):
    """A picture that carries a mark."""

    score: float
    """How well it agrees with the learnt mark, up to 1."""
    box: tuple[int, int, int, int]
    """Where: x0, y0, x1, y1 in its pixels."""


@dataclass
class Overlay:
    """A mark of a group, and who carries it."""

    group: str
    learnt: Learnt
    imprint: Imprint
    pictures: int
    """Pictures of the group."""
    large_enough: int = 0
    """Those of them that have room for it."""
    carriers: dict[str, Carrier] = field(default_factory=dict)
    """Pictures that carry it, by digest."""
    paper: int = 0
    """Those of them that are drawings or pages."""

    @property
    def zone(self) -> str:
        """Where it stands, such as ``top-right``."""
        return self.learnt.template.zone

    @property
    def is_layout(self) -> bool:
        """Whether it belongs to drawings or pages of one make."""
        return self.paper > LAYOUT * len(self.carriers)


def find_overlays(
    group: str, sums: list[Agreement], digests: list[str], views: Views
) -> list[Overlay]:
    """The marks of a group, those with most carriers first.

    Args:
        group: Its name.
        sums: What was added up over its pictures, by zone.
        digests: Its pictures.
        views: Gives them again.
    """
    learners = [
        Learner(region, agreement.zone.name)
        for agreement in (sums if len(digests) >= FEWEST else ())
        for region in regions(agreement)[:CANDIDATES]
    ]
    if not learners:
        return []
    for view in _sound(views(sorted(digests)[:SAMPLE])):
        for learner in learners:
            learner.add(view.grey, view.digest)
    learnt = [found for learner in learners if (found := learner.learn()) is not None]
    overlays = [Overlay(group, one, Imprint(one.template), len(digests)) for one in learnt]
    if overlays:
        for view in _sound(views(digests)):
            for overlay in overlays:
                _ask(overlay, view)
    return _wholes(overlays)


def _ask(overlay: Overlay, view: View) -> None:
    """Ask one picture whether it carries a mark; what was filled there is none."""
    template, grey = overlay.learnt.template, view.grey
    overlay.large_enough += template.fits(*grey.shape)
    sight = see(grey, view.digest, template)
    if sight.carries:
        x0, y0, x1, y1 = template.box(*grey.shape)
        box = max(x0, 0), max(y0, 0), min(x1, grey.shape[1]), min(y1, grey.shape[0])
        if is_filled(box, view.filled):
            return
        overlay.carriers[view.digest] = Carrier(sight.score, box)
        overlay.imprint.add(grey)
        overlay.paper += is_paper(grey)


def _wholes(overlays: list[Overlay]) -> list[Overlay]:
    """Without those that are parts of another one beside them, on the same pictures."""
    kept: list[Overlay] = []
    for overlay in sorted(overlays, key=lambda one: (-len(one.carriers), -one.learnt.strength)):
        if overlay.carriers and not any(_is_part(overlay, whole) for whole in kept):
            kept.append(overlay)
    return kept


def _is_part(part: Overlay, whole: Overlay) -> bool:
    shared = len(part.carriers.keys() & whole.carriers.keys())
    if shared < SHARED * len(part.carriers):
        return False
    size = 480, 640  # any will do: what lies together lies together there as well
    a, b = part.learnt.template.box(*size), whole.learnt.template.box(*size)
    across, down = max(a[0], b[0]) - min(a[2], b[2]), max(a[1], b[1]) - min(a[3], b[3])
    return across < BESIDE and down < BESIDE


def _sound(views: Iterator[View]) -> Iterator[View]:
    """Pictures that can be decoded; broken ones are passed over, others judge them."""
    for view in views:
        try:
            view.grey  # noqa: B018 - the one decode, which may fail
        except BadPicture:
            continue
        yield view
