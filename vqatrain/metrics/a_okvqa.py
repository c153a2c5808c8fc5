"""A-OKVQA, direct answers, as the official code scores them.

Source: Schwenk et al., ECCV 2022 (https://arxiv.org/abs/2206.01718), and
``evaluation/eval_predictions.py`` of https://github.com/allenai/aokvqa at commit 0438d33:
``min(equal answers / 3, 1)``, to the letter, without normalisation and without leaving one out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vqatrain.scoring.consensus import ENOUGH
from vqatrain.scoring.metric import Consensus


class AOkvqa(Consensus):
    """Share of three annotators who gave exactly this answer, at most 1."""

    title: ClassVar[str] = "A-OKVQA, direct"

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """Both as they are."""
        return prediction, list(answers)

    def agreement(self, prediction: str, answers: list[str]) -> float:
        """Equal answers of three, nobody left out."""
        return min(1.0, answers.count(prediction) / ENOUGH)
