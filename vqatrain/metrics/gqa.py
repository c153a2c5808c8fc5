"""GQA accuracy: the prediction is the short answer, to the letter.

Source: Hudson and Manning, CVPR 2019 (https://arxiv.org/abs/1902.09506), and ``eval.py`` of the
data set's download. Consistency is computed beside it (:mod:`vqatrain.scoring.consistency`);
validity, plausibility and distribution need lists that were made from the scene graphs, and are
not.
"""

from __future__ import annotations

from typing import ClassVar

from vqatrain.scoring.metric import Metric, RecordView


class Gqa(Metric):
    """1 if prediction and answer are the same string, else 0."""

    title: ClassVar[str] = "GQA"

    def score(self, prediction: str, record: RecordView) -> float | None:
        """Compare with ``answer``; ``None`` if the record has none."""
        return None if record["answer"] is None else float(prediction == record["answer"])
