"""VQA v2 as lmms-eval scores it.

Source: ``lmms_eval/tasks/vqav2/utils.py`` of https://github.com/EvolvingLMMs-Lab/lmms-eval at
commit 0393078. The prediction is brought into EvalAI's form before all else, so that "Yes" meets a
unanimous "yes", which it does not in the official code; the rest is the official code.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import ClassVar

from vqatrain.answer_text import eval_ai
from vqatrain.consensus import official_forms, official_scores
from vqatrain.metric import Consensus, RecordView


class LmmsEvalVqav2(Consensus):
    """VQA accuracy of lmms-eval's task vqav2; needs several answers."""

    title: ClassVar[str] = "lmms-eval vqav2"

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """The prediction in EvalAI's form, then both in the official one."""
        return official_forms(eval_ai(prediction), answers)

    def score(self, prediction: str, record: RecordView) -> float | None:
        """Score against all answers with their ids; ``None`` with fewer than two."""
        answers = record["answers"]
        if len(answers) < 2:
            return None
        return statistics.mean(official_scores(eval_ai(prediction), answers))
