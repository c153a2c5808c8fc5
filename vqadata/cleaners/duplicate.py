"""Drops questions asked twice of the same picture; lists those that are answered differently.

Two rows ask the same if their split and their normalised question are equal, and their pictures are
the same: by their bytes, or as a picture and its edit (re-encoded, resized, cropped by up to some
5%, brighter or darker, without colour, with text over it). A picture that is like another one never
loses its questions for that: only a question that was asked of both is a duplicate.

- ``duplicate``: picture bytes, question and answer are equal.
- ``near-duplicate``: question and answer are equal, and the pictures are near-duplicates. Their
  likeness is ``certain`` where they differ nowhere, ``likely`` where they may differ by text.
- ``conflict``: the answers are not equal. Kept and listed, because nobody but its owner knows which
  is right. The look-alike pairs of VQA v2 are other pictures, and no conflicts.
- ``near-duplicate-picture``: a remark on a picture in the findings, with the edit.
- ``not-compared``: a remark on a picture that is like more others than are looked at (drawings of
  one kind, pages of one form), with their number.

Near-duplicates are gathered around the best picture: the largest, of equally large ones the one
with most bytes, of these the first. Its questions are kept. The same picture and question in two
splits is leakage, not a duplicate, and a mirrored picture is another one here, as left and right
have changed places. Turns of a conversation are listed and never dropped. A question with several
pictures is compared picture by picture.
"""

from __future__ import annotations

import logging
import pickle
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import Field, PrivateAttr

from vqadata.cleaning import look_alikes
from vqadata.cleaning.shown_rows import Questions, ShownRow, questions_of, shown_rows
from vqadata.cleaning.survey import Survey
from vqadata.groundwork.digests import bytes_digest
from vqadata.groundwork.long_dict import LongDict
from vqadata.groundwork.repeats import Repeats
from vqadata.images.candidates import NEAREST
from vqadata.images.edit import in_words
from vqadata.images.near_pairs import Level, Search
from vqadata.images.view import View
from vqadata.ledger import Rejection
from vqadata.steps import Cleaner, Verdict
from vqadata.words.question_text import normalised, normalised_column

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.stretches import Mask

DUPLICATE = "duplicate"
NEAR = "near-duplicate"
CONFLICT = "conflict"
PICTURE = "near-duplicate-picture"
UNCOMPARED = "not-compared"

ASKED = ("question_id", "split", "text", "answer", "dialog_id")
"""What is compared of a question, and what is said of it."""

Key = tuple[str, ...]

log = logging.getLogger(__name__)


class _First(NamedTuple):
    """The row that is kept of those that ask the same."""

    question_id: str
    answer: str | None
    pictures: tuple[str, ...]
    """Their digests."""
    path: str


class _Member(NamedTuple):
    """A near-duplicate of a picture that is kept."""

    kept: str
    """Digest of that picture."""
    level: Level
    words: str
    details: dict[str, Any]


class _Row(NamedTuple):
    """Pictures and questions of a row."""

    keys: tuple[str, ...]
    """Digests of its pictures, names of those that are missing."""
    path: str
    """Of its first picture."""
    questions: Questions


class Duplicate(Cleaner):
    """Questions that were asked before, of the same picture or of an edit of it."""

    order: ClassVar[int] = 20
    judging: ClassVar[frozenset[str]] = frozenset(
        {"pictures", "repeats", "near_repeats", "conflicts"}
    )

    pictures: Literal["bytes", "certain", "likely"] = Field(
        "likely",
        description="Which pictures are the same: those of equal bytes; also edits that are "
        "certain (they differ nowhere); also edits that are likely (text may lie over them).",
    )
    repeats: Literal["drop", "flag"] = Field(
        "drop",
        description="What to do with a repeated question with the same answer, where the pictures "
        "have equal bytes or certainly are the same.",
    )
    near_repeats: Literal["flag", "drop"] = Field(
        "flag", description="The same where the pictures are likely the same."
    )
    conflicts: Literal["flag", "drop", "keep"] = Field(
        "flag",
        description="What to do with a repeated question that has another answer; keep says "
        "nothing of it. Where the pictures are only likely the same it is never dropped.",
    )
    _members: dict[str, _Member] = PrivateAttr(default_factory=dict)
    _uncompared: dict[str, int] = PrivateAttr(default_factory=dict)
    _best: dict[Key, _First] = PrivateAttr(default_factory=dict)
    _repeated: Repeats | None = PrivateAttr(None)
    _seen: LongDict[str, bytes] = PrivateAttr(default_factory=LongDict)
    _told: set[str] = PrivateAttr(default_factory=set)

    def columns(self) -> dict[str, pa.DataType]:
        """The fingerprint."""
        return look_alikes.columns()

    def examine(self, view: View) -> dict[str, Any]:
        """Take the fingerprint."""
        return look_alikes.examined(view)

    def decide(self, survey: Survey) -> None:
        """Gather near-duplicates around the pictures that are kept, and learn what these ask."""
        self._seen, self._repeated = LongDict(survey.scratch), Repeats(survey.scratch)
        if self.pictures != "bytes":
            self._gather(survey)
        kept = {member.kept for member in self._members.values()}
        for batch in survey.batches():
            shown = shown_rows(batch)
            self._repeated.add(self._shown_keys(shown))
            for _, row in _rows(batch, shown, _showing(shown, kept)):
                if not self._is_edit(row):
                    for question in row.questions:
                        self._best.setdefault(self._key(row, question), _first(row, question))

    def _gather(self, survey: Survey) -> None:
        gallery = look_alikes.Gallery(survey)
        search = Search([], self.pictures == "likely", Counter())
        found = look_alikes.gathered(gallery, search)
        for note in search.notes:
            log.warning("near-duplicates: %s", note)
        for place, count in (search.left_out or {}).items():
            self._uncompared[gallery.pictures[place].digest] = count
        for place, (middle, pair) in found.items():
            kept, other = gallery.pictures[middle], gallery.pictures[place]
            edit = look_alikes.edit_between(pair, kept, other, turned=middle == pair.right)
            details = {"other": kept.told(), "edit": edit, "score": pair.difference}
            self._members[other.digest] = _Member(kept.digest, pair.level, in_words(edit), details)

    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        """Compare every question with those seen before, in this batch and in earlier ones."""
        shown = shown_rows(batch)
        for number, row in _rows(batch, shown, self._worth_a_look(batch, shown)):
            for place, question in enumerate(row.questions):
                if (verdict := self._judged(number, place, row, question)) is not None:
                    yield verdict
            yield from self._remarks(number, row)

    def _worth_a_look(self, batch: pa.RecordBatch, shown: list[ShownRow]) -> Mask:
        """Rows of which something may be said: all others ask each question once, as the only one.

        Their pictures are shown by another row too, a question in them is repeated, or there is a
        remark on a picture.
        """
        import numpy as np

        if self._repeated is None:
            return np.ones(len(shown), bool)
        remarkable = _showing(shown, self._members.keys() | self._uncompared.keys())
        again = self._repeated.among(self._shown_keys(shown))
        return again | remarkable | _repeating(batch)

    def _shown_keys(self, shown: list[ShownRow]) -> list[str]:
        """What rows have in common whose questions are compared, a text a row."""
        known = self._members
        return ["\0".join((row.split, *_same(_keys(row), known))) for row in shown]

    def _judged(
        self, number: int, place: int, row: _Row, question: dict[str, Any]
    ) -> Verdict | None:
        key, own = self._key(row, question), _first(row, question)
        first = self._best.get(key) if self._is_edit(row) else None
        first = first or self._earlier(key, own)
        if first is None:
            return None
        level, turn = self._level(row, first), question["dialog_id"] is not None
        details = self._evidence(row, first)
        if first.answer == own.answer:
            action = self.near_repeats if level == "likely" else self.repeats
            why = _repeated(level, first, details)
        elif self.conflicts == "keep":
            return None
        else:
            action = "flag" if level == "likely" else self.conflicts
            evidence = f"question {first.question_id} has the answer {first.answer!r}"
            why = Rejection(CONFLICT, "answer", question["answer"], first.answer, evidence)
        return Verdict(number, place, "flag" if turn else action, why, "warning", details)

    def _earlier(self, key: Key, own: _First) -> _First | None:
        """The row that asked the same before; if none did, remember this one."""
        name = bytes_digest("\0".join(key).encode("utf-8", "surrogatepass"))
        known = self._seen.get(name)
        if known is None:
            self._seen.set(name, pickle.dumps(tuple(own)))
            return None
        return _First(*pickle.loads(known))  # noqa: S301 - written above

    def _evidence(self, row: _Row, first: _First) -> dict[str, Any]:
        other: dict[str, Any] = {"digest": first.pictures[0] if first.pictures else None,
                                 "path": first.path, "question_id": first.question_id}  # fmt: skip
        details: dict[str, Any] = {"other": other}
        for key, kept in zip(row.keys, first.pictures, strict=False):
            member = self._members.get(key)
            if member is not None and member.kept == kept:
                details |= {**member.details, "other": other, "words": member.words}
        return details

    def _remarks(self, number: int, row: _Row) -> Iterator[Verdict]:
        """Say once of each picture which one it is like, and with how many it was not compared."""
        for image, key in enumerate(row.keys):
            if count := self._uncompared.pop(key, 0):
                evidence = f"{count:,} pictures with a like hash, beyond the {NEAREST} nearest"
                why = Rejection(UNCOMPARED, evidence=evidence)
                yield Verdict(number, None, "flag", why, "info", {"score": count}, image)
            member = self._members.get(key)
            if member is not None and key not in self._told:
                self._told.add(key)
                evidence = f"{member.level}: as {member.details['other']['path']}, {member.words}"
                details = {**member.details, "level": member.level, "words": member.words}
                why = Rejection(PICTURE, evidence=evidence)
                yield Verdict(number, None, "flag", why, "info", details, image)

    def _key(self, row: _Row, question: dict[str, Any]) -> Key:
        return (
            question["split"] or "",
            normalised(question["text"]),
            *_same(row.keys, self._members),
        )

    def _is_edit(self, row: _Row) -> bool:
        return not self._members.keys().isdisjoint(row.keys)

    def _level(self, row: _Row, first: _First) -> Level | None:
        """How alike the pictures of two rows are, by the least alike; ``None``: equal bytes."""
        unequal = [
            self._members[key].level
            for ours, theirs in zip(row.keys, first.pictures, strict=True)
            for key in (ours, theirs)
            if ours != theirs and key in self._members
        ]
        return None if not unequal else "likely" if "likely" in unequal else "certain"


def _keys(row: ShownRow) -> tuple[str, ...]:
    return tuple([digest or path or "" for digest, path in row.pictures])


def _same(keys: tuple[str, ...], known: Mapping[str, _Member]) -> list[str]:
    """Pictures, each near-duplicate as the one that is kept."""
    return [known[key].kept if key in known else key for key in keys]


def _showing(shown: list[ShownRow], keys: Collection[str]) -> Mask:
    """The rows that show one of some pictures."""
    import numpy as np

    return np.array([any(key in keys for key in _keys(row)) for row in shown], bool)


def _repeating(batch: pa.RecordBatch) -> Mask:
    """The rows that ask a question more than once."""
    import numpy as np
    import pyarrow.compute as pc

    questions = batch.column("questions")
    rows = pc.list_parent_indices(questions).to_numpy()
    texts = normalised_column(questions.flatten().field("text"))
    asked = rows.astype(np.int64) * len(texts.dictionary) + texts.indices.to_numpy()
    again = np.ones(len(asked), bool)
    again[np.unique(asked, return_index=True)[1]] = False
    found = np.zeros(len(batch), bool)
    found[rows[again]] = True
    return found


def _rows(batch: pa.RecordBatch, shown: list[ShownRow], wanted: Mask) -> Iterator[tuple[int, _Row]]:
    """Some rows by their numbers, with their questions."""
    for number, questions in questions_of(batch, wanted, *ASKED):
        paths = [path for _, path in shown[number].pictures]
        yield number, _Row(_keys(shown[number]), (paths or [""])[0] or "", questions)


def _first(row: _Row, question: dict[str, Any]) -> _First:
    return _First(question["question_id"], _plain(question["answer"]), row.keys, row.path)


def _repeated(level: Level | None, first: _First, details: dict[str, Any]) -> Rejection:
    if level is None:
        evidence = f"same picture, question and answer as question {first.question_id}"
        return Rejection(DUPLICATE, evidence=evidence)
    evidence = (
        f"same question and answer as question {first.question_id}, of a picture that is "
        f"{'certainly' if level == 'certain' else 'likely'} the same as {first.path}: "
        f"{details.get('words', 'both are edits of a third picture')}"
    )
    return Rejection(NEAR, evidence=evidence)


def _plain(answer: str | None) -> str | None:
    return None if answer is None else normalised(answer)
