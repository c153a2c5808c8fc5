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

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Set
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from vqadata.cleaning.picture_ids import SharedIds, ids_of_rows
from vqadata.cleaning.shown_rows import Questions, ShownRow, questions_of, shown_rows
from vqadata.groundwork.digest_index import DigestIndex
from vqadata.groundwork.digests import bytes_digest, text_key
from vqadata.groundwork.distinct_keys import DistinctKeys
from vqadata.groundwork.id_index import UNKNOWN
from vqadata.record import batched
from vqadata.words.question_text import normalised, normalised_column

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers

    Keys: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

Kind = Literal["leak-bytes", "leak-pixels", "leak-id"]

KINDS: tuple[Kind, ...] = ("leak-bytes", "leak-pixels", "leak-id")
"""Kinds of pictures that leak, the surest first."""

MISSING = "missing "
"""What the name of a picture without a digest begins with."""

LOOKED_UP = 1 << 16
"""Pictures that are looked up at a time."""

ASKED = ("question_id", "text", "answer")
"""What is compared of a question."""

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


class LeakRow(NamedTuple):
    """What a picture row shows, and where."""

    place: Place
    pictures: list[tuple[str, str]]
    """Digest, or name of a missing picture, and path of each."""


class Shown:
    """Which pictures are shown where, and what is asked of those that leak.

    Of the others some forty bytes each are held, and a number for each distinct question with its
    answer.

    Args:
        scratch: Folder for temporary files; without it all stays in memory.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        """Start with nothing."""
        self.rows: Counter[Place] = Counter()
        self.several: set[str] = set()
        """Digests of the pictures that several places show."""
        self.by_id: defaultdict[str, set[str]] = defaultdict(set)
        """Digests by id, where an id has several."""
        self.places: defaultdict[str, dict[Place, str]] = defaultdict(dict)
        """The places of each picture that leaks, with its path there."""
        self.asked: dict[tuple[str, Place, int], Asked] = {}
        """First question of that text by picture and place, of pictures that leak."""
        self.texts: defaultdict[Place, DistinctKeys] = defaultdict(DistinctKeys)
        """Questions with their answers."""
        self._pictures, self._place_of = DigestIndex(scratch), array("h")
        """The number of the place of each mention, in :attr:`rows`."""
        self._ids = SharedIds(scratch)

    def add(self, number: int, name: str, batches: Iterable[pa.RecordBatch]) -> None:
        """Take in the pictures of a data set."""
        for batch in batches:
            rows = leak_rows(batch, number, name)
            self._count(batch, rows)
            known = {place: n for n, place in enumerate(self.rows)}
            shown = [(digest, known[row.place]) for row in rows for digest, _ in row.pictures]
            self._place_of.extend([place for _, place in shown])
            first = self._pictures.add([_key(digest) for digest, _ in shown])
            for (digest, place), met in zip(shown, first.tolist(), strict=True):
                if self._place_of[met] != place:
                    self.several.add(digest)
            with_ids = _with_ids(batch, rows)
            self._ids.add([(each, row.pictures[0][0]) for row, ids in with_ids for each in ids])

    def identify(self, number: int, name: str, batches: Iterable[pa.RecordBatch]) -> None:
        """Find the pictures of ids that several of them have: seldom any."""
        for batch in batches if self._ids.shared else ():
            for row, ids in _with_ids(batch, leak_rows(batch, number, name)):
                for each in ids & self._ids.shared:
                    self.by_id[each].add(row.pictures[0][0])

    def _count(self, batch: pa.RecordBatch, rows: list[LeakRow]) -> None:
        """Count the questions of each place, and keep their texts."""
        import numpy as np

        known = {place: n for n, place in enumerate(dict.fromkeys(row.place for row in rows))}
        counts = np.diff(batch.column("questions").offsets.to_numpy())
        places = np.repeat([known[row.place] for row in rows], counts)
        texts = text_keys(batch.column("questions").flatten())
        for place, n in known.items():
            own = texts[places == n]
            self.rows[place] += len(own)
            self.texts[place].add(own)

    def listen(self, number: int, name: str, batches: Iterable[pa.RecordBatch],
               leaking: Set[str]) -> None:  # fmt: skip
        """Take in what is asked of the pictures that leak."""
        for batch in batches:
            for _, row, questions in leaking_rows(batch, number, name, leaking):
                for digest, path in row.pictures:
                    self.places[digest].setdefault(row.place, path)
                for question in questions:
                    text = text_key(normalised(question["text"]))
                    seen = Asked(question["question_id"], answer_key(question))
                    for digest, _ in row.pictures:
                        self.asked.setdefault((digest, row.place, text), seen)

    def alone(self, digests: Iterable[str]) -> Numbers:
        """Of each picture the number of the only place that shows it; -1 if there are several."""
        import numpy as np

        ranks = {place: n for n, place in enumerate(sorted(self.rows))}
        rank_of = np.array([ranks[place] for place in self.rows], np.int64)
        found = [np.empty(0, np.int64)]
        for some in batched(digests, LOOKED_UP):
            first = self._pictures.find(some)
            places = rank_of[np.array([self._place_of[met] for met in first.tolist()])]
            several = np.array([digest in self.several for digest in some])
            found.append(np.where(several | (first == UNKNOWN), -1, places))
        return np.concatenate(found)


def leak_rows(batch: pa.RecordBatch, number: int, name: str) -> list[LeakRow]:
    """What the rows of a batch show.

    Args:
        batch: Picture rows.
        number: Of their data set.
        name: Of their data set.
    """
    shown = shown_rows(batch)
    places = {split: Place(number, name, split) for split in {row.split for row in shown}}
    return [LeakRow(places[row.split], _named(row)) for row in shown]


def leaking_rows(
    batch: pa.RecordBatch, number: int, name: str, leaking: Set[str]
) -> Iterator[tuple[int, LeakRow, Questions]]:
    """The rows that show one of some pictures, by their numbers, with their questions."""
    import numpy as np

    shown = shown_rows(batch)
    wanted = np.array(
        [any(_name(*each) in leaking for each in row.pictures) for row in shown], bool
    )
    for row, questions in questions_of(batch, wanted, *ASKED):
        place = Place(number, name, shown[row].split)
        yield row, LeakRow(place, _named(shown[row])), questions


def _name(digest: str | None, path: str | None) -> str:
    """How a picture is known."""
    return digest or f"{MISSING}{path}"


def _key(name: str) -> str:
    """A digest for each name of a picture: its own, or one of the name of a missing one."""
    is_missing = name.startswith(MISSING)
    return bytes_digest(name.encode("utf-8", "surrogatepass")) if is_missing else name


def _with_ids(batch: pa.RecordBatch, rows: list[LeakRow]) -> Iterator[tuple[LeakRow, set[str]]]:
    """The rows with the ids of their pictures, if they are known by any."""
    names = [[path for _, path in row.pictures] for row in rows]
    found = zip(rows, ids_of_rows(batch, names), strict=True)
    yield from ((row, ids) for row, ids in found if ids)


def _named(row: ShownRow) -> list[tuple[str, str]]:
    return [(_name(digest, path), path or "") for digest, path in row.pictures]


def text_keys(questions: pa.StructArray) -> Keys:
    """A number a question that those of equal text and answer have in common, uint64."""
    import numpy as np

    texts, answers = (_keys_of(questions.field(name)) for name in ("text", "answer"))
    keys: Keys = texts ^ (answers * np.uint64(3))
    return keys


def _keys_of(texts: pa.StringArray) -> Keys:
    """:func:`text_key` of each text, normalised; 0 of a null."""
    import numpy as np

    plain = normalised_column(texts)
    keys: Keys = np.array([*map(text_key, plain.dictionary.to_pylist()), 0], np.uint64)
    indices: Numbers = plain.indices.fill_null(len(keys) - 1).to_numpy()
    return keys[indices]


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

    @cached_property
    def leaking(self) -> Set[str]:
        """The pictures that are shown in several places, or have a partner."""
        return self.shown.several | self._partners.keys()

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

    def count(self, row: LeakRow, questions: Questions) -> None:
        """Count one picture row."""
        place, leaks = row.place, []
        for digest, _ in row.pictures:
            for leak in self._leaks.of_picture(digest, place):
                leaks.append(leak)
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
                counts[TEXT] = shown.texts[place].common(shown.texts[there])
                if any(counts.values()):
                    names = (*KINDS, "rows", QUESTION, ANSWER, TEXT)
                    yield {"from": place.split, "set": there.name, "to": there.split,
                           **{name: counts[name] for name in names}}  # fmt: skip
