"""TextVQA accuracy.

Source: Singh et al., CVPR 2019 (https://arxiv.org/abs/1904.08920), and ``TextVQAAccuracyEvaluator``
of https://github.com/facebookresearch/mmf (``mmf/utils/m4c_evaluators.py``, commit 2dc099a): VQA
accuracy over answers in EvalAI's form, an annotator left out by place. That code refuses questions
without ten answers; here they are scored as well. ST-VQA is scored by ``anls``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vqatrain.scoring.answer_text import eval_ai
from vqatrain.scoring.metric import Consensus


class Textvqa(Consensus):
    """VQA accuracy in EvalAI's form; needs several answers."""

    title: ClassVar[str] = "TextVQA"

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """Both in EvalAI's form."""
        return eval_ai(prediction), [eval_ai(text) for text in answers]
