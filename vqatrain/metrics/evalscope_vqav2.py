"""VQA v2 as EvalScope scores it, since release 1.14.1 ("evaluation version 1.1").

Source: ``evalscope/benchmarks/vqav2/vqav2_adapter.py`` of the release on the package index. The
answer is taken behind the last "ANSWER:", all punctuation but the colon becomes space, and
contractions stay as they are. Each annotator is left out in turn, by place; blank answers are none,
and an answer that stands alone counts for a third. An empty prediction scores 0. Releases before
left nobody out: ``evalscope-vqav2-1-14-0``.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import ClassVar

from vqatrain.scoring.answer_text import ARTICLES, NUMBER_WORDS
from vqatrain.scoring.consensus import ENOUGH, mean_leave_one_out
from vqatrain.scoring.metric import Consensus

ANSWER = re.compile(r"ANSWER:\s*(.*)", re.IGNORECASE)
COMMA = re.compile(r"(?<=\d),(?=\d)")
SPACED = str.maketrans(dict.fromkeys(string.punctuation.replace(":", ""), " "))


class EvalscopeVqav2(Consensus):
    """VQA score of EvalScope's vqav2; needs several answers."""

    title: ClassVar[str] = "EvalScope vqav2"

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """Both in that code's own form; blank answers are left out."""
        return _form(_extracted(prediction)), [_form(text) for text in answers if text.strip()]

    def agreement(self, prediction: str, answers: list[str]) -> float:
        """The mean over all annotators but one; nothing for an empty prediction."""
        if not prediction or not answers:
            return 0.0
        if len(answers) == 1:
            return (answers[0] == prediction) / ENOUGH
        return mean_leave_one_out(prediction, answers)


def _extracted(prediction: str) -> str:
    found = ANSWER.findall(prediction)
    return (found[-1] if found else prediction).strip().strip("\"'")


def _form(text: str) -> str:
    line = COMMA.sub("", text.lower().strip().replace("\n", " ").replace("\t", " "))
    words = (NUMBER_WORDS.get(word, word) for word in line.translate(SPACED).split())
    return " ".join(word for word in words if word not in ARTICLES)
