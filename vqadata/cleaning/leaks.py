"""Finds what two splits, or two data sets, have in common, by kind of leak.

- ``leak-bytes``: pictures of the same bytes.
- ``leak-pixels``: a picture and its edit, or its mirror image, which a model has seen as well.
- ``leak-id``: pictures of the same id (COCO, Visual Genome) that neither bytes nor pixels show to
  be the same, perhaps because one is missing.
- ``leak-question``: such a picture, and the same question.
- ``leak-answer``: such a picture, the same question, and the same answer: full contamination.
- ``leak-text``: the same question and answer about any picture. That is no leak but the prior that
  a model may learn without looking; it is counted only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vqadata.cleaning.picture_ids import known_ids
from vqadata.groundwork.digests import text_key
from vqadata.words.question_text import normalised

if TYPE_CHECKING:
    from vqadata.groundwork.spill import Numbers

Kind = Literal["leak-bytes", "leak-pixels", "leak-id"]

KINDS: tuple[Kind, ...] = ("leak-bytes", "leak-pixels", "leak-id")
"""Kinds of pictures that leak, the surest first."""

QUESTION, ANSWER, TEXT = "leak-question", "leak-answer", "leak-text"

SPLIT_RANKS = (("test", 3), ("val", 2), ("dev", 2), ("eval", 2), ("train", 0))
"""What a split is for, by what its name begins with: the higher, the more it must be unseen."""


def split_rank(split: str) -> int:
    """How much a split must be unseen, by its name.

    >>> [split_rank(name) for name in ("test2015", "Validation", "train", "minival", "")]
    [3, 2, 0, 1, 1]
    """
    name = split.lower()
    return next((rank for start, rank in SPLIT_RANKS if name.startswith(start)), 1)


class Place(NamedTuple):
    """A split of a data set."""

    number: int
    """0 for the data set that is cleaned, then those that it is compared with."""
    name: str
    """Of the data set; empty for the one that is cleaned."""
    split: str

    def __str__(self) -> str:
        """How it is named in a table."""
        return f"{self.name} {self.split}".strip() or "(no name)"


class Partner(NamedTuple):
    """A picture that is the same as another one."""

    digest: str
    kind: Kind
    details: dict[str, Any]
    """The fitted edit, if there is one."""


class Asked(NamedTuple):
    """A question that was asked of a picture."""

    question_id: str
    answer: int | None


class Shown:
    """Which pictures are shown where, and what is asked of them."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.places: defaultdict[str, dict[Place, str]] = defaultdict(dict)
        """The places of each digest, with its path there."""
        self.by_id: defaultdict[str, set[str]] = defaultdict(set)
        """Digests by id."""
        self.rows: Counter[Place] = Counter()
        self.asked: dict[tuple[str, Place, int], Asked] = {}
        """First question of that text by picture and place."""
        self.texts: defaultdict[Place, set[int]] = defaultdict(set)
        """Questions with their answers."""

    def add(self, number: int, name: str, rows: Iterable[tuple[Pictures, Questions]]) -> None:
        """Take in the picture rows of a data set."""
        for pictures, questions in rows:
            for question in questions:
                place = Place(number, name, question["split"] or "")
                self.rows[place] += 1
                text = text_key(normalised(question["text"]))
                answer = answer_key(question)
                self.texts[place].add(text_key(f"{text} {answer}"))
                for digest, path in pictures:
                    self.places[digest].setdefault(place, path)
                    seen = Asked(question["question_id"], answer)
                    self.asked.setdefault((digest, place, text), seen)
                if len(pictures) == 1:
                    for each in known_ids(pictures[0][1], question):
                        self.by_id[each].add(pictures[0][0])

    def alone(self, digests: Iterable[str]) -> Numbers:
        """Of each picture the number of the only place that shows it; -1 if there are several."""
        import numpy as np

        number = {place: n for n, place in enumerate(sorted(self.rows))}
        places = [self.places.get(digest, {}) for digest in digests]
        return np.array([number[next(iter(p))] if len(p) == 1 else -1 for p in places], np.int64)


Pictures = list[tuple[str, str]]
"""Digest, or name of a missing picture, and path of each picture of a row."""

Questions = list[dict[str, Any]]


def answer_key(question: dict[str, Any]) -> int | None:
    """A number that equal answers have in common; ``None`` without an answer."""
    answer = question["answer"]
    return None if answer is None else text_key(normalised(answer))


class Leak(NamedTuple):
    """A picture that must not be where it is."""

    kind: Kind
    digest: str
    """Of the partner."""
    place: Place
    """Of the partner."""
    path: str
    details: dict[str, Any]

    def other(self) -> dict[str, str]:
        """How findings name the partner."""
        names = {"digest": self.digest, "path": self.path, "split": self.place.split}
        return names | ({"set": self.place.name} if self.place.name else {})


class Leaks:
    """The leaks of a data set.

    Args:
        shown: Where all pictures are.
        partners: Pictures that are the same though their bytes differ.
    """

    def __init__(self, shown: Shown, partners: dict[str, list[Partner]]) -> None:
        """Decide which of two places must give way: see :meth:`weight`."""
        self.shown, self._partners = shown, partners

    def weight(self, place: Place) -> tuple[bool, int, int, str]:
        """How much a place must be unseen: another data set, then test, val, others, train.

        Of places of one kind the one with fewer rows weighs more.
        """
        return place.number > 0, split_rank(place.split), -self.shown.rows[place], place.split

    def of_picture(self, digest: str, place: Place) -> list[Leak]:
        """Where else a picture is shown that must be unseen, the surest leak first."""
        own = self.weight(place)
        same = [Partner(digest, "leak-bytes", {}), *self._partners.get(digest, ())]
        found = [
            Leak(p.kind, p.digest, there, path, p.details)
            for p in same
            for there, path in self.shown.places.get(p.digest, {}).items()
            if there != place and self.weight(there) > own
        ]
        return sorted(found, key=lambda leak: (KINDS.index(leak.kind), leak.place, leak.digest))

    def of_question(
        self, leaks: list[Leak], question: dict[str, Any]
    ) -> tuple[str, Leak, Asked] | None:
        """The same question in one of these places: with its answer, or else with another one."""
        text, answer = text_key(normalised(question["text"])), answer_key(question)
        asked = [
            (leak, found)
            for leak in leaks
            if (found := self.shown.asked.get((leak.digest, leak.place, text))) is not None
        ]
        for leak, found in asked:
            if answer is not None and found.answer == answer:
                return ANSWER, leak, found
        return (QUESTION, *asked[0]) if asked else None


class Matrix:
    """Counts of leaks from split to split."""

    def __init__(self, leaks: Leaks) -> None:
        """Count nothing yet but what is asked in both."""
        self._leaks = leaks
        self._counts: defaultdict[tuple[Place, Place], Counter[str]] = defaultdict(Counter)
        self._pictures: set[tuple[str, Place, Place]] = set()

    def count(self, place: Place, digests: Iterable[str], questions: Questions) -> None:
        """Count one picture row."""
        leaks = [leak for digest in digests for leak in self._leaks.of_picture(digest, place)]
        for digest in digests:
            for leak in self._leaks.of_picture(digest, place):
                if (digest, place, leak.place) not in self._pictures:
                    self._pictures.add((digest, place, leak.place))
                    self._counts[place, leak.place][leak.kind] += 1
        for there in {leak.place for leak in leaks}:
            self._counts[place, there]["rows"] += len(questions)
            own = [leak for leak in leaks if leak.place == there]
            for question in questions:
                if (found := self._leaks.of_question(own, question)) is not None:
                    self._counts[place, there][found[0]] += 1

    def told(self) -> Iterator[dict[str, Any]]:
        """One entry a pair of places that have anything in common, in order."""
        shown = self._leaks.shown
        places = sorted(shown.rows)
        for place in (p for p in places if p.number == 0):
            for there in places:
                if self._leaks.weight(there) <= self._leaks.weight(place):
                    continue
                counts = self._counts[place, there]
                counts[TEXT] = len(shown.texts[place] & shown.texts[there])
                if any(counts.values()):
                    names = (*KINDS, "rows", QUESTION, ANSWER, TEXT)
                    yield {"from": place.split, "set": there.name, "to": there.split,
                           **{name: counts[name] for name in names}}  # fmt: skip
