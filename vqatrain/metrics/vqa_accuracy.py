"""VQA accuracy, bit-equal to the official evaluation code, with its quirks.

Source: Antol et al., ICCV 2015 (https://arxiv.org/abs/1505.00468), and the reference implementation
``PythonEvaluationTools/vqaEvaluation/vqaEval.py`` of https://github.com/GT-Vision-Lab/VQA at commit
a013f00. A prediction scores the mean, over the annotators, of
``min(matches among the others / 3, 1)``.

Quirks are kept, because scores in papers have them; see
:func:`vqatrain.scoring.consensus.official_scores` and :mod:`vqatrain.scoring.answer_text`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vqatrain.scoring.consensus import official_forms, vqa_accuracy
from vqatrain.scoring.metric import Consensus, RecordView


class VqaAccuracy(Consensus):
    """Official VQA accuracy; needs several answers."""

    title: ClassVar[str] = "VQA accuracy"
    standard: ClassVar[bool] = True

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """Both in the official form, or as they are where all answers are equal."""
        return official_forms(prediction, answers)

    def score(self, prediction: str, record: RecordView) -> float | None:
        """Score against all answers with their ids; ``None`` with fewer than two."""
        answers = record["answers"]
        return vqa_accuracy(prediction, answers) if len(answers) > 1 else None
