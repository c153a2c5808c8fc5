"""Pairs for preference training from a model's own wrong answers (on-policy; Guo et al. 2024).

Paper: https://arxiv.org/abs/2402.04792. What the model says now is told apart from what it should
say, where answers that others rejected may be none that it would ever give.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, NamedTuple

from vqatrain.data import NoPair, Pairing, write_pairs
from vqatrain.pairs.config import PairsConfig
from vqatrain.scoring.metric import Metric, choose_metrics
from vqatrain.scoring.predictions import read_predictions


class Paired(NamedTuple):
    """Pairs that were written."""

    questions: int
    without: dict[str, int]
    """Rows that make no pair, by the reason."""
    unknown: int
    """Predictions for questions that are not in the shards."""


def pair(config: PairsConfig) -> Paired:
    """Write the rows that a model answered wrongly, with its answer as the rejected one.

    Args:
        config: Which answers to which rows.

    Returns:
        How many there are, and why other rows make no pair.

    Raises:
        VqaDataError: A file cannot be read, or there is no wrong answer. Nothing is written.
    """
    metrics = choose_metrics(config.metric)
    judge = _Judge(read_predictions(config.predictions), metrics)
    digest = hashlib.sha256(config.predictions.read_bytes()).hexdigest()
    origin = Pairing(predictions=config.predictions.name, digest=digest, metrics=list(metrics))
    questions = write_pairs(config.shards, config.out, judge, origin, config.overwrite)
    return Paired(questions, dict(judge.without), len(judge.said) - judge.known)


class _Judge:
    """Says which answers are wrong."""

    def __init__(self, said: dict[str, str], metrics: dict[str, Metric]) -> None:
        self.said, self._metrics = said, metrics
        self.without: Counter[str] = Counter()
        self.known = 0

    def __call__(self, record: dict[str, Any]) -> str | NoPair:
        prediction = self.said.get(record["question_id"])
        if prediction is None:
            return self._leave("not-answered", None, "an answer of the model")
        self.known += 1
        scores = [metric.score(prediction, record) for metric in self._metrics.values()]
        known = [score for score in scores if score is not None]
        if record["answer"] is None or not known:
            return self._leave("no-answer", prediction, "a known answer to hold it against")
        if max(known) > 0:
            return self._leave("answered-rightly", prediction, "an answer that scores 0")
        return prediction

    def _leave(self, reason: str, prediction: str | None, expected: str) -> NoPair:
        self.without[reason] += 1
        return NoPair(reason, prediction, expected)
