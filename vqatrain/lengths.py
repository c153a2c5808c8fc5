"""How many tokens a row costs, told from the sizes of its pictures, which are not opened.

A blank picture of each size goes through the real processor once; so the count is the processor's,
with tiles, overview and line ends, for every family.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from vqatrain.batch import Batcher
from vqatrain.data import Example

Sizes: TypeAlias = tuple[tuple[int, int], ...]
"""Width and height of each picture of a row, in its order."""

ROWS = 1024
"""Rows whose text is cut into tokens at a time."""


class Length(NamedTuple):
    """Tokens of one row."""

    prompt: int
    """Of these, the picture's and the template's."""
    answer: int
    """With the token that ends it."""

    @property
    def total(self) -> int:
        """Tokens of the whole row."""
        return self.prompt + self.answer


class Ruler:
    """Counts tokens.

    Args:
        batcher: Makes the batches of the run.
    """

    def __init__(self, batcher: Batcher) -> None:
        """Begin without a size."""
        self._batcher = batcher
        self._tokenizer: Any = batcher.processor.tokenizer
        self._known: dict[Sizes, int] = {}

    def lengths(self, rows: Iterable[tuple[Example, Sizes]]) -> Iterator[Length]:
        """Count the tokens of rows.

        Args:
            rows: Examples, whose pictures are not looked at, with the sizes of these.
        """
        block: list[tuple[Example, Sizes]] = []
        for row in rows:
            block.append(row)
            if len(block) == ROWS:
                yield from self._count(block)
                block = []
        if block:
            yield from self._count(block)

    def _count(self, block: list[tuple[Example, Sizes]]) -> Iterator[Length]:
        prompts = self._text_lengths([self._batcher.prompt(example) for example, _ in block])
        for (example, sizes), text in zip(block, prompts, strict=True):
            answer = len(self._batcher.answer_ids(example))
            yield Length(self._beyond_text(sizes) + text, answer)

    def _beyond_text(self, sizes: Sizes) -> int:
        """Tokens that a prompt has more than its text alone: by the processor, for these sizes."""
        if sizes not in self._known:
            from PIL import Image

            blank = Example("plan", [Image.new("RGB", size) for size in sizes], "", None)
            whole = self._batcher.prompts([blank])["input_ids"].shape[1]
            self._known[sizes] = whole - self._text_lengths([self._batcher.prompt(blank)])[0]
        return self._known[sizes]

    def _text_lengths(self, texts: list[str]) -> list[int]:
        return [len(ids) for ids in self._tokenizer(texts)["input_ids"]]
