"""ANLS by the script that most harnesses copy: Qwen-VL, lmms-eval, and alike in others.

Source: ``anls`` in ``lmms_eval/api/metrics.py`` of https://github.com/EvolvingLMMs-Lab/lmms-eval.
Two things differ from the paper: half the letters wrong still scores 0.5, and the distance is taken
of texts whose inner spaces are made one, but divided by the length of those as they came.
"""

from __future__ import annotations

from typing import ClassVar

from vqatrain.scoring.edit_distance import edit_distance
from vqatrain.scoring.metric import Metric, RecordView

THRESHOLD = 0.5
"""Score below which an answer is wrong."""


class AnlsCommon(Metric):
    """Similarity to the nearest answer, 0 below one half."""

    title: ClassVar[str] = "ANLS, common script"

    def score(self, prediction: str, record: RecordView) -> float | None:
        """The best over all answers; ``None`` without any."""
        answers = [answer["answer"] for answer in record["answers"]]
        if not answers:
            return None
        best = 1 - min(_distance(prediction, answer) for answer in answers)
        return best if best >= THRESHOLD else 0.0


def _distance(prediction: str, answer: str) -> float:
    longest = max(len(answer.upper()), len(prediction.upper()))
    return edit_distance(_spaced(answer), _spaced(prediction)) / longest if longest else 0.0


def _spaced(text: str) -> str:
    return " ".join(text.strip().lower().split())
