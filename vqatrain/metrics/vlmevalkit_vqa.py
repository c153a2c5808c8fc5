"""VQA score as VLMEvalKit computes it.

Source: ``vlmeval/dataset/utils/vqa_eval.py`` of https://github.com/open-compass/VLMEvalKit at
commit 0a04a1d. Both sides are always normalised, an annotator is left out by place, and the pattern
for periods has not the slip of the official code: a period beside a digit stays, so "5." is not
"5".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from vqatrain.scoring.answer_text import normalise, one_line
from vqatrain.scoring.consensus import leave_one_out
from vqatrain.scoring.metric import Consensus

PERIOD = re.compile(r"(?<!\d)\.(?!\d)")


class VlmevalkitVqa(Consensus):
    """VQA score of VLMEvalKit; needs several answers."""

    title: ClassVar[str] = "VLMEvalKit"

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """Both in the official form, but for the periods."""
        return _form(prediction), [_form(text) for text in answers]

    def agreement(self, prediction: str, answers: list[str]) -> float:
        """The mean as numpy adds it up, as that code takes it."""
        import numpy as np

        return float(np.mean(leave_one_out(prediction, answers)))


def _form(text: str) -> str:
    return normalise(one_line(text), PERIOD)
