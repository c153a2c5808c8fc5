"""A-OKVQA, multiple choice, as the official code scores it.

Source: ``evaluation/eval_predictions.py`` of https://github.com/allenai/aokvqa at commit 0438d33:
the prediction must be the text of the right choice, to the letter; questions that are marked
``difficult_direct_answer`` are left out.
"""

from __future__ import annotations

from typing import ClassVar

from vqatrain.scoring.metric import Metric, RecordView, source_field


class AOkvqaChoice(Metric):
    """1 if the prediction is the right choice's text, else 0."""

    title: ClassVar[str] = "A-OKVQA, choice"

    def score(self, prediction: str, record: RecordView) -> float | None:
        """Compare with the right choice; ``None`` without one, and for the rows left out."""
        right = record["correct_choice"]
        if right is None or source_field(record, "difficult_direct_answer"):
            return None
        return float(prediction == record["choices"][right])
