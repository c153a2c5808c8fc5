"""How many tokens a row costs, told from the sizes of its pictures, which are not opened.

A blank picture of each size goes through the real processor once; so the count is the processor's,
with tiles, overview and line ends, for every family. Each text is cut into tokens once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vqatrain.batch import Batcher
from vqatrain.data import Example, Questions

if TYPE_CHECKING:
    from vqatrain.order import Rows

Sizes: TypeAlias = tuple[tuple[int, int], ...]
"""Width and height of each picture of a row, in its order."""

ROWS = 1024
"""Rows whose text is cut into tokens at a time."""


class Length(NamedTuple):
    """Tokens of one row."""

    prompt: int
    """Of these, the picture's and the template's."""
    answer: int
    """With the token that ends it; of a pair, the longer one."""

    @property
    def total(self) -> int:
        """Tokens of the whole row."""
        return self.prompt + self.answer


class Lengths(NamedTuple):
    """Tokens of all rows."""

    prompt: Rows
    answer: Rows

    @property
    def total(self) -> Rows:
        """Tokens of each row."""
        return self.prompt + self.answer


def measure(batcher: Batcher, questions: Questions) -> Lengths:
    """Count the tokens of the chosen rows."""
    import numpy as np

    rows = ((_blank(record), _sizes(record)) for record in questions.records())
    counted = np.array(list(Ruler(batcher).lengths(rows)), np.int64).reshape(-1, 2)
    return Lengths(counted[:, 0], counted[:, 1])


def _sizes(record: dict[str, Any]) -> Sizes:
    return tuple(zip(record["widths"], record["heights"], strict=True))


def _blank(record: dict[str, Any]) -> Example:
    """The row with places for its pictures instead of these."""
    pictures: list[Any] = [None] * len(record["widths"])
    rejected = record["rejected"][0] if record["rejected"] else None
    return Example(record["question_id"], pictures, record["text"], record["answer"], rejected)


class Ruler:
    """Counts tokens.

    Args:
        batcher: Makes the batches of the run.
    """

    def __init__(self, batcher: Batcher) -> None:
        """Begin without a size and without a text."""
        self._batcher = batcher
        self._tokenizer: Any = batcher.processor.tokenizer
        self._sizes: dict[Sizes, int] = {}
        self._prompts: dict[tuple[int, str], int] = {}
        self._answers: dict[str | None, int] = {}

    def lengths(self, rows: Iterable[tuple[Example, Sizes]]) -> Iterator[Length]:
        """Count the tokens of rows.

        Args:
            rows: Examples, whose pictures are not looked at, with the sizes of these.
        """
        rows = iter(rows)
        while block := list(islice(rows, ROWS)):
            self._learn_prompts([example for example, _ in block])
            for example, sizes in block:
                text = self._prompts[len(example.pictures), example.question]
                yield Length(self._beyond_text(sizes) + text, self._longest_answer(example))

    def _learn_prompts(self, examples: list[Example]) -> None:
        new = {(len(each.pictures), each.question): each for each in examples}
        new = {key: each for key, each in new.items() if key not in self._prompts}
        if new:
            texts = [self._batcher.prompt(each) for each in new.values()]
            self._prompts |= zip(new, self._text_lengths(texts), strict=True)

    def _longest_answer(self, example: Example) -> int:
        said = {example.answer, example.rejected or example.answer}
        for text in said - self._answers.keys():
            self._answers[text] = len(self._batcher.answer_ids(example._replace(answer=text)))
        return max(self._answers[text] for text in said)

    def _beyond_text(self, sizes: Sizes) -> int:
        """Tokens that a prompt has more than its text alone: by the processor, for these sizes."""
        if sizes not in self._sizes:
            from PIL import Image

            blank = Example("plan", [Image.new("RGB", size) for size in sizes], "", None)
            whole = self._batcher.prompts([blank])["input_ids"].shape[1]
            self._sizes[sizes] = whole - self._text_lengths([self._batcher.prompt(blank)])[0]
        return self._sizes[sizes]

    def _text_lengths(self, texts: list[str]) -> list[int]:
        return [len(ids) for ids in self._tokenizer(texts)["input_ids"]]
