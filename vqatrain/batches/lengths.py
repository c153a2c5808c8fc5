"""How many tokens a row costs, told from the sizes of its pictures, which are not opened.

A blank picture of each size goes through the real processor once; so the count is the processor's,
with tiles, overview and line ends, for every family. Each text is cut into tokens once. Where rows
are many, workers of an engine count a thousand at a time.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vqadata.engine.hiring import EngineOptions, hire
from vqadata.engine.order import in_order
from vqadata.engine.stage import Stage
from vqatrain.batches.batch import Batcher
from vqatrain.data import Example, Questions

if TYPE_CHECKING:
    from vqatrain.order import Rows

Sizes: TypeAlias = tuple[tuple[int, int], ...]
"""Width and height of each picture of a row, in its order."""

ROWS = 1024
"""Rows whose text is cut into tokens at a time."""

MANY = 500_000
"""Rows from which workers are hired unasked: each takes some seconds to load the libraries."""

ALONE = EngineOptions(workers=0)


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


def measure(batcher: Batcher, questions: Questions, engine: EngineOptions = ALONE) -> Lengths:
    """Count the tokens of the chosen rows.

    Args:
        batcher: Makes the batches of the run.
        questions: The rows.
        engine: Who counts.
    """
    import numpy as np

    rows = ((_blank(questions, record), _sizes(record)) for record in questions.records())
    with hire(Counting(batcher), engine, len(questions) >= MANY) as hired:
        counted = [receipt for _, receipt in in_order(_stretches(rows), hired)]
    table = np.concatenate([np.empty((0, 2), np.int64), *counted])
    return Lengths(table[:, 0], table[:, 1])


class Stretch(NamedTuple):
    """Some rows whose tokens are to be counted."""

    number: int
    rows: list[tuple[Example, Sizes]]


def _stretches(rows: Iterator[tuple[Example, Sizes]]) -> Iterator[Stretch]:
    number = 0
    while block := list(islice(rows, ROWS)):
        yield Stretch(number, block)
        number += 1


class Counting(Stage[Stretch, "Rows"]):
    """Counts the tokens of rows; a receipt has prompt and answer of each.

    Args:
        batcher: Makes the batches of the run.
    """

    def __init__(self, batcher: Batcher) -> None:
        """Keep it."""
        self._batcher = batcher

    def __getstate__(self) -> bytes:
        """Travel as bytes, for the libraries must be prepared before anything of them is loaded."""
        return pickle.dumps(self._batcher)

    def __setstate__(self, packed: bytes) -> None:
        """Arrive."""
        from vqatrain.models.model import prepare_libraries

        prepare_libraries()
        self._batcher = pickle.loads(packed)  # noqa: S301 - from our own driver

    def open(self) -> Callable[[Stretch], Rows]:
        """A ruler of one's own."""
        import numpy as np

        ruler = Ruler(self._batcher)
        return lambda spec: np.array(list(ruler.lengths(spec.rows)), np.int64)

    def name_of(self, spec: Stretch) -> str:
        """The rows, by their numbers."""
        first = spec.number * ROWS
        return f"rows {first} to {first + len(spec.rows) - 1}"

    def modules(self) -> list[str]:
        """What processors are made of."""
        return ["vqatrain.models.warm"]


def _sizes(record: dict[str, Any]) -> Sizes:
    return tuple(zip(record["widths"], record["heights"], strict=True))


def _blank(questions: Questions, record: dict[str, Any]) -> Example:
    """The row with places for its pictures instead of these."""
    pictures: list[Any] = [None] * len(record["widths"])
    return questions.words(record)._replace(pictures=pictures)


def _said(example: Example) -> tuple[Any, ...]:
    """What the text of a prompt is made of."""
    return len(example.pictures), example.system, example.before, example.question


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
        self._prompts: dict[tuple[Any, ...], int] = {}
        self._answers: dict[str | None, int] = {}

    def lengths(self, rows: Iterable[tuple[Example, Sizes]]) -> Iterator[Length]:
        """Count the tokens of rows.

        Args:
            rows: Examples, whose pictures are not looked at, with the sizes of these.
        """
        for _, block in _stretches(iter(rows)):
            self._learn_prompts([example for example, _ in block])
            for example, sizes in block:
                text = self._prompts[_said(example)]
                yield Length(self._beyond_text(sizes) + text, self._longest_answer(example))

    def _learn_prompts(self, examples: list[Example]) -> None:
        new = {_said(each): each for each in examples}
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
