"""Answerability, the second task of VizWiz: does the model say "unanswerable" where it should?

Source: Gurari et al., CVPR 2018 (https://arxiv.org/abs/1802.08218), and the evaluation code of its
Python API (``vqaEval.py`` by Qing Li): F1 of the class "unanswerable". The average precision that
the code gives beside it needs a confidence, which a text answer has not.
"""

from __future__ import annotations

from typing import ClassVar

from vqatrain.scoring.answer_text import normalise, one_line
from vqatrain.scoring.metric import F1, RecordView, source_field


class Answerability(F1):
    """F1 of "unanswerable"; needs rows that say whether they can be answered."""

    title: ClassVar[str] = "unanswerable, F1"

    def labels(self, prediction: str, record: RecordView) -> tuple[bool, bool] | None:
        """Whether the prediction is "unanswerable", and whether the row is."""
        answerable = source_field(record, "answerable")
        true = record["unanswerable"] if answerable is None else not answerable
        if true is None:
            return None
        return normalise(one_line(prediction)) == "unanswerable", bool(true)
