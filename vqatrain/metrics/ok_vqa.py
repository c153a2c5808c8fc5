"""OK-VQA accuracy: the official VQA code over stemmed answers.

Source: Marino et al., CVPR 2019 (https://arxiv.org/abs/1906.00067). The annotations of version 1.1
hold ``raw_answer`` ("racing") and its stem as ``answer`` ("race"); the scores compare stems. The
stemmer that made them was not published. So a prediction is stemmed by the annotations: where it is
some annotator's raw answer, it stands for the stem of that one. Nothing else is stemmed, hence a
prediction in a form that no annotator used ("races") may score less than with the lemmatiser that
others put in its place.
"""

from __future__ import annotations

from typing import ClassVar

from vqatrain.scoring.answer_text import normalise, one_line
from vqatrain.scoring.consensus import vqa_accuracy
from vqatrain.scoring.metric import Metric, RecordView


class OkVqa(Metric):
    """Official VQA accuracy of the stemmed prediction; needs answers with their raw forms."""

    title: ClassVar[str] = "OK-VQA"

    def score(self, prediction: str, record: RecordView) -> float | None:
        """Score against the stems; ``None`` where no answer has a raw form."""
        answers = record["answers"]
        raws = [answer for answer in answers if answer.get("raw_answer") is not None]
        if len(answers) < 2 or not raws:
            return None
        stems = {_form(answer["raw_answer"]): answer["answer"] for answer in reversed(raws)}
        return vqa_accuracy(stems.get(_form(prediction), prediction), answers)


def _form(text: str) -> str:
    return normalise(one_line(text))
