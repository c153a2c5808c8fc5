"""F1 of "yes" over yes/no questions, as for POPE.

Source: Li et al., EMNLP 2023 (https://arxiv.org/abs/2305.10355). A prediction says yes if its first
word is "yes"; anything else, also no commitment, counts as no.
"""

from __future__ import annotations

from typing import ClassVar

from vqatrain.scoring.answer_text import normalise, one_line
from vqatrain.scoring.metric import F1, RecordView


class YesNoF1(F1):
    """F1 of "yes"; needs rows whose answer is yes or no."""

    title: ClassVar[str] = "yes, F1"

    def labels(self, prediction: str, record: RecordView) -> tuple[bool, bool] | None:
        """Whether the prediction begins with yes, and whether the answer is yes."""
        answer = normalise(one_line(record["answer"] or ""))
        if answer not in ("yes", "no"):
            return None
        return normalise(one_line(prediction)).split(" ")[0] == "yes", answer == "yes"
