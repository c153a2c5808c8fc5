"""VQA accuracy without the quirks of the official code: the number that says how good a model is.

Everything is always normalised, also where all annotators agree, and an annotator is left out by
place, so that answers without ids count like those with ids. Where it is far above the official
score, the model loses points by its spelling ("Yes", "Black."), not by its answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vqatrain.scoring.answer_text import normalise, one_line
from vqatrain.scoring.metric import Consensus


class VqaAccuracyRobust(Consensus):
    """VQA accuracy that always normalises; needs several answers."""

    title: ClassVar[str] = "VQA accuracy, robust"
    standard: ClassVar[bool] = True

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """Both in the official form."""
        return normalise(one_line(prediction)), [normalise(one_line(text)) for text in answers]
