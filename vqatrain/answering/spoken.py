"""Words of several answers as they are made: what transformers' own streamers do for one alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Heard = Callable[[str], object]


class Spoken:
    """A streamer for ``generate`` that hands each answer of a batch to its own listener.

    Args:
        tokenizer: Makes text of tokens.
        heard: Who listens to each answer; ``None`` for nobody.
        limits: Most tokens of each answer.
        end: Tokens that end an answer.
    """

    def __init__(
        self, tokenizer: Any, heard: Sequence[Heard | None], limits: Sequence[int], end: set[int]
    ) -> None:
        """Nothing was said yet."""
        self._tokenizer, self._heard, self._limits, self._end = tokenizer, heard, limits, end
        self._ids: list[list[int]] = [[] for _ in heard]
        self._told = [0] * len(heard)
        self._silent = [listener is None for listener in heard]
        self._prompt = True

    def put(self, value: Any) -> None:
        """Take the prompts, and then one token of each answer at a time."""
        if self._prompt:
            self._prompt = False
            return
        for number, token in enumerate(value.tolist()):
            if not self._silent[number]:
                self._add(number, token)

    def end(self) -> None:
        """Say what was held back."""
        for number in range(len(self._ids)):
            if not self._silent[number]:
                self._tell(number, whole=True)

    def _add(self, number: int, token: int) -> None:
        if token in self._end:
            self._silence(number)
            return
        self._ids[number].append(token)
        if len(self._ids[number]) == self._limits[number]:
            self._silence(number)
        else:
            self._tell(number, whole=False)

    def _silence(self, number: int) -> None:
        self._tell(number, whole=True)
        self._silent[number] = True

    def _tell(self, number: int, whole: bool) -> None:
        """Say what is new; a letter whose bytes are not all there yet, and a space, wait."""
        text = self._tokenizer.decode(self._ids[number], skip_special_tokens=True).lstrip()
        text = text.rstrip() if whole else text.rstrip("\N{REPLACEMENT CHARACTER}").rstrip()
        new = text[self._told[number] :]
        listener = self._heard[number]
        if new and listener is not None:
            self._told[number] = len(text)
            listener(new)
