"""VQA v2 as lmms-eval scores it, since release 0.5.0.

Source: ``lmms_eval/tasks/vqav2/utils.py`` of release 0.7.3 on the package index. It is the official
code without its exception for unanimous answers: both sides are always normalised. Several commas
between digits ("1,,2") count as one there. An earlier form is ``lmms-eval-vqav2-0-3-0``.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from typing import ClassVar

from vqatrain.scoring.answer_text import PERIOD, normalise, one_line
from vqatrain.scoring.consensus import scores_by_record
from vqatrain.scoring.metric import Consensus, RecordView

COMMAS = re.compile(r"(?<=\d),+(?=\d)")


class LmmsEvalVqav2(Consensus):
    """VQA accuracy of lmms-eval's task vqav2; needs several answers."""

    title: ClassVar[str] = "lmms-eval vqav2"

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """Both in the official form."""
        return form(prediction), [form(text) for text in answers]

    def score(self, prediction: str, record: RecordView) -> float | None:
        """Score against all answers with their ids; ``None`` with fewer than two."""
        answers = record["answers"]
        if len(answers) < 2:
            return None
        forms = self.forms(prediction, [answer["answer"] for answer in answers])
        return statistics.mean(scores_by_record(*forms, answers))


def form(text: str) -> str:
    """The official form of a text, but for commas between digits."""
    return normalise(one_line(text), PERIOD, COMMAS)
