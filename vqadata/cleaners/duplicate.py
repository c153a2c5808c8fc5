"""Drops questions asked twice of the same picture; lists those that are answered differently.

Two rows are duplicates when the bytes of their pictures, their split and their normalised question
are equal. The later row is dropped if its answer is the same too. If it is another one the rows
contradict each other: a ``conflict``, which is kept and listed, because nobody but its owner knows
which is right. The same picture and question in two splits is leakage, not a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import Field, PrivateAttr

from vqadata.ledger import Rejection
from vqadata.steps import Cleaner, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

DUPLICATE = "duplicate"
CONFLICT = "conflict"


class _First(NamedTuple):
    question_id: str
    answer: str | None


class Duplicate(Cleaner):
    """Exact duplicates: same picture bytes and same question."""

    order: ClassVar[int] = 20

    conflicts: Literal["flag", "drop"] = Field(
        "flag", description="What to do with a repeated question that has another answer."
    )
    _seen: dict[tuple[str, ...], _First] = PrivateAttr(default_factory=dict)

    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        """Compare every question with those seen before, in this batch and in earlier ones."""
        for row, (facts, images, questions) in enumerate(_rows(batch)):
            pictures = [fact["digest"] or path for fact, path in zip(facts, images, strict=True)]
            for number, question in enumerate(questions):
                if (verdict := self._judge(row, number, pictures, question)) is not None:
                    yield verdict

    def _judge(
        self, row: int, number: int, pictures: list[str], question: dict[str, Any]
    ) -> Verdict | None:
        text = normalised(question["text"])
        answer = normalised(question["answer"]) if question["answer"] is not None else None
        key = (question["split"] or "", text, *pictures)
        first = self._seen.get(key)
        if first is None:
            self._seen[key] = _First(question["question_id"], answer)
            return None
        if first.answer == answer:
            evidence = f"same picture, question and answer as question {first.question_id}"
            return Verdict(row, number, "drop", Rejection(DUPLICATE, evidence=evidence))
        evidence = f"question {first.question_id} has the answer {first.answer!r}"
        why = Rejection(CONFLICT, "answer", question["answer"], first.answer, evidence)
        return Verdict(row, number, self.conflicts, why)


def normalised(text: str) -> str:
    """A text without case, spacing and closing punctuation.

    >>> normalised("Is  this a Cat ?")
    'is this a cat'
    """
    return " ".join(text.casefold().split()).rstrip(" ?!.")


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[list[Any], list[Any], list[Any]]]:
    """Facts, picture paths and questions of each row, without touching picture bytes."""
    import pyarrow.compute as pc

    images = batch.column("images")
    paths = pc.struct_field(pc.list_flatten(images), "path").to_pylist()
    questions = batch.column("questions").to_pylist()
    start = 0
    for facts, asked in zip(batch.column("image_facts").to_pylist(), questions, strict=True):
        yield facts, paths[start : start + len(facts)], asked
        start += len(facts)
