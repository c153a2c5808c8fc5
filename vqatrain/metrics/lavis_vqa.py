"""VQA accuracy as LAVIS scores it: the official code in an older form, which others copied too.

Source: ``lavis/common/vqa_tools/vqa_eval.py`` of release 1.0.2 (BLIP, InstructBLIP). The
prediction is always normalised; the annotators' answers lose their punctuation alone, and that only
if they differ. So "two" never meets an annotator's "two": it is compared as "2".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vqatrain.scoring.answer_text import normalise, one_line, unpunctuated
from vqatrain.scoring.consensus import scores_by_record
from vqatrain.scoring.metric import Consensus, RecordView


class LavisVqa(Consensus):
    """VQA accuracy of LAVIS; needs several answers."""

    title: ClassVar[str] = "LAVIS"

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """The prediction in the official form, the answers without punctuation if they differ."""
        given = [unpunctuated(text) for text in answers] if len(set(answers)) > 1 else answers
        return normalise(one_line(prediction)), list(given)

    def score(self, prediction: str, record: RecordView) -> float | None:
        """Score against all answers with their ids; ``None`` with fewer than two."""
        answers = record["answers"]
        if len(answers) < 2:
            return None
        forms = self.forms(prediction, [answer["answer"] for answer in answers])
        scores = scores_by_record(*forms, answers)
        return float(sum(scores)) / len(scores)
