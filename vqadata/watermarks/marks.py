"""Which texts of a picture are marks: by recurrence, by repetition, by their words.

What all pictures of a group say is gathered first (:class:`Strings`); then each picture is judged
by it (:func:`marks`). A word on its own decides nothing: a page of text is left alone, and so is
what a question or an answer is about, and what clinicians write on a film.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vqadata.watermarks.content import is_clinical, is_page, is_score, is_spoken
from vqadata.watermarks.ground import lies_askew
from vqadata.watermarks.key import has_han, plain
from vqadata.watermarks.lexicon import ALONE, Lexicon, Scene
from vqadata.watermarks.recurrence import Place, Recurring, recurring
from vqadata.watermarks.repetition import repeated
from vqadata.watermarks.spot import Spot

RECURRENT, REPEATED, KNOWN, SCANNER, LAID_OVER = (
    "recurrent-text",
    "repeated-text",
    "known-mark",
    "scanner-text",
    "laid-over",
)
"""Codes of the reasons."""

UNSURE = 0.2
"""Confidence from which on a text counts that is a known mark of its group, misread."""

SAME_UNSURE = 72.0
"""Similarity of such a text with the mark, 0 to 100."""

FRAGMENT = 0.5
"""Smallest share of a mark that a part of it must hold to be told by it."""

FREE = ("agency", "listed")
"""Kinds of terms that make a mark wherever they stand: they count for other pictures too."""

GAP = 1.6
"""Lines of one block follow each other within this many heights of their letters."""

ONE_SIZE = 1.6
"""Largest ratio of the heights of lines of one block."""


class Mark(NamedTuple):
    """A text that is a mark."""

    spot: Spot
    code: str
    because: str
    """What it was told by, in words."""
    says: str = ""
    """What it is known to say, where it may have been misread."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What was read, and what it is known to say."""
        return tuple(filter(None, (self.spot.line.text, self.says)))


class Reading(NamedTuple):
    """What was read in one picture."""

    digest: str
    group: str
    spots: list[Spot]
    """Everything that was read, also what is unsure."""
    colourful: float
    sure: float
    """Confidence from which on the engine can be believed."""
    paper: bool = False
    """Whether it is mostly one bright level, as charts and forms are."""
    laid_over: bool = False
    """Whether a text lies askew across its middle, on a busy ground."""

    @property
    def readable(self) -> list[Spot]:
        """What can be believed."""
        return [spot for spot in self.spots if spot.line.confidence >= self.sure]

    @property
    def is_page(self) -> bool:
        """Whether there is so much text that it is a page; turned text, as tiles have, aside."""
        texts = (plain(spot.line.text) for spot in self.readable if not spot.turned)
        return is_page(texts, self.paper)


class Strings:
    """The strings that are marks in each group of pictures.

    Args:
        readings: All pictures that were read.
        lexicon: The terms.
    """

    def __init__(self, readings: Iterable[Reading], lexicon: Lexicon) -> None:
        """Look for strings that recur, and for words of agencies."""
        self._lexicon = lexicon
        places: dict[str, list[Place]] = {}
        agencies: dict[str, dict[str, int]] = {}
        for reading in readings:
            if reading.is_page:
                continue
            here = places.setdefault(reading.group, [])
            here += [
                Place(reading.digest, spot, _designed(spot, reading))
                for spot in reading.readable
                if spot.key
            ]
            for spot in reading.readable:
                term = lexicon.find(spot, _scene(reading))
                if term is not None and term.kind in FREE and spot.key:
                    counts = agencies.setdefault(reading.group, {})
                    counts[spot.key] = counts.get(spot.key, 0) + 1
        self.recurring: dict[str, list[Recurring]] = {
            group: [found for found in recurring(there) if not _is_content(found.text)]
            for group, there in places.items()
        }
        self._by_key: dict[str, dict[str, Recurring]] = {
            group: {name: found for found in founds for name in found.keys}
            for group, founds in self.recurring.items()
        }
        self._known = {
            group: sorted({found.key for found in self.recurring.get(group, ())}
                          | {name for name, n in agencies.get(group, {}).items() if n > 1})
            for group in places
        }  # fmt: skip

    def marks(self, reading: Reading) -> list[Mark]:
        """The marks of a picture, as if nobody asked about them."""
        if reading.is_page:
            return []
        tiles = {id(spot) for spot in repeated(reading.readable, reading.paper)}
        found = [
            mark
            for spot in reading.spots
            if not is_clinical(spot.line.text)
            and (mark := self._mark(spot, reading, id(spot) in tiles)) is not None
        ]
        return [*found, *_blocks(found, reading)]

    def _mark(self, spot: Spot, reading: Reading, tile: bool) -> Mark | None:
        if spot.line.confidence < reading.sure:
            return self._resembling(spot, reading)
        recurs = self._by_key.get(reading.group, {}).get(spot.key)
        term = self._lexicon.find(spot, _scene(reading))
        if term is not None and term.kind in FREE:
            return Mark(spot, KNOWN, f"{term.kind} {term.text}", term.text)
        if tile:
            return Mark(spot, REPEATED, "copies of one text, all turned alike or spread out")
        if recurs is not None:
            because = f"at this place in {recurs.pictures} pictures"
            return Mark(spot, RECURRENT, because, recurs.text)
        if term is not None and not (term.kind == "scanner" and _beneath(spot, reading)):
            code = SCANNER if term.kind == "scanner" else KNOWN
            return Mark(spot, code, f"{term.kind} {term.text}", term.text)
        if reading.laid_over and spot.key and lies_askew(spot) and _scene(reading).lines <= ALONE:
            return Mark(spot, LAID_OVER, "alone and askew across the middle, on a busy ground")
        return self._resembling(spot, reading)

    def _resembling(self, spot: Spot, reading: Reading) -> Mark | None:
        """A text that was misread or read in part, if it resembles a mark of its group."""
        from rapidfuzz import fuzz, process

        known = self._known.get(reading.group)
        if not known or not spot.key or spot.line.confidence < UNSURE:
            return None
        shortest = 2 if has_han(spot.key) else 4
        if len(spot.key) < shortest:
            return None
        near = process.extractOne(spot.key, known, scorer=fuzz.ratio, score_cutoff=SAME_UNSURE)
        part = (
            name for name in known if spot.key in name and len(spot.key) >= FRAGMENT * len(name)
        )
        name = near[0] if near is not None and len(spot.key) >= 4 else next(part, None)
        if name is None:
            return None
        return Mark(spot, RECURRENT, f"resembles {name}, a mark of other pictures", name)


def _is_content(text: str) -> bool:
    return is_clinical(text) or is_score(text)


HEADLINE = 1.5
"""How many times larger the letters of a headline are."""

DISPLAYED = 0.06
"""Height of letters, over the short side, from which on level texts are displayed, not noted."""


def _designed(spot: Spot, reading: Reading) -> bool:
    """Whether a text belongs to the picture as it was made.

    It stands beneath a headline, is one of several displayed lines, or a subtitle.
    """
    if _beneath(spot, reading):
        return True
    if not (spot.level and spot.size >= DISPLAYED):
        return False
    if is_spoken(spot.line.text):
        return True
    return any(
        other.level and other.size >= DISPLAYED and other.key != spot.key and other is not spot
        for other in reading.readable
    )


def _beneath(spot: Spot, reading: Reading) -> bool:
    """Whether there is level text in much larger letters in the picture."""
    least = HEADLINE * spot.line.height
    return any(s.level and s.key and s.line.height >= least for s in reading.readable)


_BESIDE = "in one block with "
"""How the reason of the other lines of a block begins."""


def _scene(reading: Reading) -> Scene:
    texts = {plain(spot.line.text) for spot in reading.readable} - {""}
    return Scene(len(texts), reading.colourful)


def _blocks(found: list[Mark], reading: Reading) -> Iterator[Mark]:
    """The other lines of blocks near the edge in which one line is a mark: dates, numbers, names.

    Laterality and window values in such a block stay what they are.
    """
    taken = {id(mark.spot) for mark in found}
    blocks = [mark for mark in found if mark.spot.near_edge and mark.code != REPEATED]
    for mark in blocks:  # grows while it is walked through
        for spot in reading.readable:
            if id(spot) in taken or is_clinical(spot.line.text) or not spot.near_edge:
                continue
            if len(plain(spot.line.text)) >= 2 and _follows(mark.spot, spot):
                taken.add(id(spot))
                because = (
                    mark.because if mark.because.startswith(_BESIDE) else _BESIDE + mark.because
                )
                also = Mark(spot, mark.code, because)
                blocks.append(also)
                yield also


def _follows(one: Spot, other: Spot) -> bool:
    """Whether two lines of one size stand under or beside each other."""
    heights = sorted((one.line.height, other.line.height))
    if heights[1] > ONE_SIZE * max(heights[0], 1) or abs(one.line.angle - other.line.angle) > 4:
        return False
    a, b = one.line.box, other.line.box
    gap = GAP * heights[1]
    across = max(a[0], b[0]) - min(a[2], b[2])
    down = max(a[1], b[1]) - min(a[3], b[3])
    under = across <= 0 and down <= gap - heights[0] * 0.6
    beside = down <= -0.5 * heights[0] and across <= gap
    return under or beside
