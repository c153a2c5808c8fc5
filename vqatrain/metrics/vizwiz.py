"""VizWiz-VQA accuracy.

Source: Gurari et al., CVPR 2018 (https://arxiv.org/abs/1802.08218), and the evaluation code of its
Python API (``vqaEval.py`` by Qing Li): the prediction is always normalised, the annotators' answers
never, an annotator is left out by place. "unanswerable" is an answer like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vqatrain.scoring.answer_text import normalise, one_line
from vqatrain.scoring.metric import Consensus


class Vizwiz(Consensus):
    """VQA accuracy of the normalised prediction; needs several answers."""

    title: ClassVar[str] = "VizWiz"

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """The prediction in the official form, the answers as they are."""
        return normalise(one_line(prediction)), list(answers)
