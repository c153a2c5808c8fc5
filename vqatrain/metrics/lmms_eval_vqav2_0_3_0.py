"""VQA v2 as lmms-eval scored it up to release 0.3.0.

Source: ``lmms_eval/tasks/vqav2/utils.py`` of https://github.com/EvolvingLMMs-Lab/lmms-eval at
commit 0393078. The prediction is brought into EvalAI's form before all else, so that "Yes" meets a
unanimous "yes", which it does not in the official code; the rest is the official code. Releases
0.3.5 and 0.4.0 had not that first step, and so were the official code alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vqatrain.metrics.lmms_eval_vqav2 import LmmsEvalVqav2, form
from vqatrain.scoring.answer_text import eval_ai, one_line


class LmmsEvalVqav2030(LmmsEvalVqav2):
    """VQA accuracy of lmms-eval's task vqav2, up to 0.3.0; needs several answers."""

    title: ClassVar[str] = "lmms-eval vqav2, to 0.3.0"

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """The prediction in EvalAI's form; both in the official one, unless all answers agree."""
        said, lines = eval_ai(prediction), [one_line(text) for text in answers]
        if len(set(lines)) > 1:
            return form(said), [form(line) for line in lines]
        return said, lines
