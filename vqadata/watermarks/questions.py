"""What the questions of a data set say of the text in its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from vqadata.watermarks.content import Asked
from vqadata.watermarks.key import has_han, plain

if TYPE_CHECKING:
    import pyarrow as pa

READING = 0.2
"""A data set is about reading if so many of its answers stand in the pictures."""

FEWEST = 10
"""Answers with which that can be said."""

LONG, MOST_WORDS = 6, 4
"""An answer of so many letters is looked for within words too; a shorter one has so many words."""


class Questions(NamedTuple):
    """What is asked about pictures."""

    asked: dict[str, Asked]
    """By digest."""
    about_reading: bool
    """Whether the data set is about reading: then every question counts as one that asks to."""

    def of(self, digest: str) -> Asked:
        """What is asked about a picture."""
        asked = self.asked.get(digest, Asked())
        return asked._replace(reads=True) if self.about_reading else asked


def gather(batches: Iterable[pa.RecordBatch], texts: Mapping[str, str]) -> Questions:
    """Gather what is asked about some pictures.

    Args:
        batches: All picture rows.
        texts: The pictures, by digest, and what can be read in each, a text a line. A question
            whose answer can be read in its picture counts as one that asks to read.
    """
    asked: dict[str, Asked] = {}
    answers = quoted = 0
    for batch in batches:
        facts = batch.column("image_facts").to_pylist()
        for row, images in enumerate(facts):
            known = [image["digest"] for image in images if image["digest"] in texts]
            if not known:
                continue
            questions = batch.column("questions")[row].as_py()
            for digest in known:
                asked[digest] = _with(asked.get(digest, Asked()), questions)
    for digest, one in asked.items():
        if texts[digest]:
            found = sum(stands(answer, texts[digest]) for answer in set(one.answers))
            asked[digest] = one._replace(reads=one.reads or found > 0)
            answers += len(set(one.answers))
            quoted += found
    return Questions(asked, answers >= FEWEST and quoted >= READING * answers)


def _with(asked: Asked, questions: list[dict[str, object]]) -> Asked:
    for question in questions:
        asked = asked.and_also(str(question["text"]), _answers(question))
    return asked


def _answers(question: Mapping[str, object]) -> list[str]:
    given = question["answers"] if isinstance(question["answers"], list) else []
    texts = [str(answer["answer"]) for answer in given]
    return [str(question["answer"])] * (question["answer"] is not None) + texts


def stands(answer: str, text: str) -> bool:
    """Whether an answer, in plain form, stands in a text: as whole words, anywhere if it is long.

    >>> stands("oaklane", "12 Oak Lane"), stands("air", "Chairs"), stands("12", "12 Oak Lane")
    (True, False, True)
    """
    if len(answer) >= LONG or has_han(answer):
        return any(answer in plain(line) for line in text.splitlines())
    return any(
        answer == "".join(words[start:stop])
        for line in text.splitlines()
        for words in [[plain(word) for word in line.split()]]
        for start in range(len(words))
        for stop in range(start + 1, min(start + MOST_WORDS, len(words)) + 1)
    )
