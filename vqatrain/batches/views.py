"""Controls: questions with blank pictures, with those of other questions, and with other answers.

A model that looks at its pictures answers worse without them. A model that learns more than how
answers are spread does not learn from answers that were dealt out anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vqadata.errors import VqaDataError
from vqatrain.config import View
from vqatrain.data import Example, Questions
from vqatrain.order import CONTROLS, generator

if TYPE_CHECKING:
    from PIL.Image import Image

SEED = 0
"""Of the order in which rows lend each other pictures."""

GREY = (128, 128, 128)


class Viewed:
    """Rows with the pictures that a view shows.

    Args:
        questions: The rows.
        view: ``own`` pictures, ``blank`` ones of their size, or ``shuffled``: those of another row.
    """

    def __init__(self, questions: Questions, view: View) -> None:
        """Lay out the order."""
        import numpy as np

        self._questions, self._view = questions, view
        self._order = generator(SEED, CONTROLS, 0).permutation(len(questions))
        self._places = np.argsort(self._order)

    def example(self, row: int) -> Example:
        """Read and decode one row.

        Raises:
            VqaDataError: As of :meth:`vqatrain.data.Questions.example`; or all rows have the same
                pictures, and others are asked for.
        """
        example = self._questions.example(row)
        if self._view == "own" or not example.pictures:
            return example
        if self._view == "blank":
            return example._replace(pictures=[_blank(picture) for picture in example.pictures])
        return example._replace(pictures=self._questions.example(self._lender(row)).pictures)

    def _lender(self, row: int) -> int:
        """The next row in a shuffled order that has other pictures; names and splits say little."""
        own, place = self._questions.encoded(row), int(self._places[row])
        for step in range(1, len(self._order)):
            other = int(self._order[(place + step) % len(self._order)])
            if self._questions.encoded(other) != own:
                return other
        raise VqaDataError(self._questions.shards.where, "the same pictures in all rows", "others")


def _blank(picture: Image) -> Image:
    from PIL import Image as Pillow

    return Pillow.new("RGB", picture.size, GREY)


def shuffle_answers(questions: Questions, seed: int) -> None:
    """Give every row the answer of another place, so that only their spread can be learnt."""
    rows = generator(seed, CONTROLS, 0).permutation(len(questions))
    answers = questions.table["answer"].gather(rows)
    questions.table = questions.table.with_columns(answers.alias("answer"))
