"""ANLS, average normalised Levenshtein similarity, as the paper defines it.

Source: Biten et al., ICCV 2019 (https://arxiv.org/abs/1905.13648): with NL the edit distance
divided by the longer length, an answer scores 1 - NL if NL < 0.5, and else 0; the best answer
counts. Case and outer spaces do not matter, inner spaces do. ``anls_common`` is the script that
most harnesses use, which differs.
"""

from __future__ import annotations

from typing import ClassVar

from vqatrain.scoring.edit_distance import edit_distance
from vqatrain.scoring.metric import Metric, RecordView

THRESHOLD = 0.5
"""Normalised distance from which an answer is wrong."""


class Anls(Metric):
    """Similarity to the nearest answer, 0 from half the letters wrong."""

    title: ClassVar[str] = "ANLS"

    def score(self, prediction: str, record: RecordView) -> float | None:
        """The best over all answers; ``None`` without any."""
        answers = [answer["answer"] for answer in record["answers"]]
        return max((similarity(prediction, answer) for answer in answers), default=None)


def similarity(prediction: str, answer: str) -> float:
    """1 - NL, or 0.

    >>> similarity("ab", "abcd"), similarity("abc", "ABCD")
    (0.0, 0.75)
    """
    said, wanted = prediction.strip().lower(), answer.strip().lower()
    longest = max(len(said), len(wanted))
    distance = edit_distance(said, wanted) / longest if longest else 0.0
    return 1 - distance if distance < THRESHOLD else 0.0
