"""Looks at one picture: what is read in it, and what the rules for marks need to know beside that.

The picture is read once. If that shows no mark and little text, its relief is read too
(:mod:`vqadata.watermarks.relief`). A relief also shows the grain of cloth and gravel, in which
engines read what is not there; so what is read there counts only if it shows a mark, and text that
is content is read as before.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from vqadata.overlay.paper import is_paper
from vqadata.watermarks.ground import lies_over
from vqadata.watermarks.lexicon import Lexicon
from vqadata.watermarks.marks import Reading, Strings
from vqadata.watermarks.mending import colourful
from vqadata.watermarks.relief import joined, read_relief
from vqadata.watermarks.spot import spots

if TYPE_CHECKING:
    from vqadata.cleaning.text_engine import Rgb, TextEngine, TextLine
    from vqadata.overlay.zone import Grey

FEW = 3
"""Readable lines up to which a picture gets a second look."""


class Looked(NamedTuple):
    """What was seen in one picture."""

    lines: list[TextLine]
    """Everything that was read, also what is unsure."""
    colourful: float
    paper: bool
    laid_over: bool
    """Whether a text lies askew across its middle, on a busy ground."""

    def reading(self, digest: str, group: str, shape: tuple[int, ...], sure: float) -> Reading:
        """As the rules take it.

        Args:
            digest: The picture.
            group: Its group.
            shape: Its height and width.
            sure: Confidence from which on the engine can be believed.
        """
        found = spots(self.lines, shape[1], shape[0])
        return Reading(digest, group, found, self.colourful, sure, self.paper, self.laid_over)


def look(engine: TextEngine, rgb: Rgb, grey: Grey) -> Looked:
    """Read a picture, and its relief where that may show a mark that was not read.

    Args:
        engine: Reads.
        rgb: ``[height, width, 3]``.
        grey: The same in grey, ``[height, width]``.
    """
    facts = colourful(rgb), is_paper(grey)
    once = _looked(engine.read(rgb), facts, grey, engine.sure)
    readable = sum(line.confidence >= engine.sure for line in once.lines)
    if readable > FEW or once.paper or _shows_mark(once, grey, engine.sure):
        return once
    lines = joined(once.lines, read_relief(engine, rgb))
    twice = _looked(lines, facts, grey, engine.sure)
    return twice if _shows_mark(twice, grey, engine.sure) else once


def _looked(lines: list[TextLine], facts: tuple[float, bool], grey: Grey, sure: float) -> Looked:
    readable = [line for line in lines if line.confidence >= sure]
    return Looked(lines, *facts, lies_over(grey, spots(readable, grey.shape[1], grey.shape[0])))


def _shows_mark(looked: Looked, grey: Grey, sure: float) -> bool:
    """Whether a picture shows a mark on its own, without others beside it."""
    alone = looked.reading("", "", grey.shape, sure)
    return bool(Strings([alone], _shipped()).marks(alone))


@cache
def _shipped() -> Lexicon:
    return Lexicon()
