"""OK-VQA, TextVQA and VizWiz as lmms-eval scores them.

Source: ``lmms_eval/tasks/ok_vqa``, ``textvqa`` and ``vizwiz_vqa`` of
https://github.com/EvolvingLMMs-Lab/lmms-eval, with ``_task_utils/vqa_eval_metric.py`` at commit
61e5060: EvalAI's form on both sides, an annotator left out by place. Answers of OK-VQA are compared
as they come, without stemming the prediction.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import ClassVar

from vqatrain.scoring.answer_text import eval_ai
from vqatrain.scoring.consensus import leave_one_out
from vqatrain.scoring.metric import Consensus


class LmmsEvalVqa(Consensus):
    """VQA accuracy of lmms-eval's tasks ok_vqa, textvqa and vizwiz_vqa; needs several answers."""

    title: ClassVar[str] = "lmms-eval ok/text/vizwiz"

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """Both in EvalAI's form."""
        return eval_ai(prediction), [eval_ai(text) for text in answers]

    def agreement(self, prediction: str, answers: list[str]) -> float:
        """The exact mean, as that code takes it."""
        return statistics.mean(leave_one_out(prediction, answers))
