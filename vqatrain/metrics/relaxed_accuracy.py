"""Relaxed accuracy of ChartQA: numbers may be 5 % off, words may not.

Source: Masry et al., ACL 2022 (https://arxiv.org/abs/2203.10244), section 5.1, and
``relaxed_correctness`` of https://github.com/google-research/pix2struct
(``pix2struct/metrics.py``): percentages are read as numbers, a target of 0 must be met to the
letter.
"""

from __future__ import annotations

from typing import ClassVar

from vqatrain.scoring.metric import Metric, RecordView

TOLERANCE = 0.05
"""Largest relative difference from the target."""


class RelaxedAccuracy(Metric):
    """1 if some answer is met, within 5 % where it is a number, else 0."""

    title: ClassVar[str] = "relaxed accuracy"

    def score(self, prediction: str, record: RecordView) -> float | None:
        """The best over all answers; ``None`` without any."""
        texts = [answer["answer"] for answer in record["answers"]] or [record["answer"]]
        targets = [text for text in texts if text is not None]
        if not targets:
            return None
        return float(any(relaxed_match(target, prediction.strip()) for target in targets))


def relaxed_match(target: str, prediction: str) -> bool:
    """Whether a prediction meets a target.

    >>> relaxed_match("100", "104"), relaxed_match("0", "0.0"), relaxed_match("50%", "0.5")
    (True, False, True)
    """
    said, wanted = _number(prediction), _number(target)
    if said is not None and wanted:
        return abs(said - wanted) / abs(wanted) <= TOLERANCE
    return prediction.lower() == target.lower()


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100.0 if text.endswith("%") else float(text)
    except ValueError:
        return None
