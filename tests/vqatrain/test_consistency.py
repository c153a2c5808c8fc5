"""Consistency of GQA, as its own script counts it."""

from __future__ import annotations

import json
from typing import Any

from vqatrain.scoring.consistency import consistencies
from vqatrain.scoring.metric import choose_metrics
from vqatrain.scoring.scoring import Answered, summarise

ENTAILED = {"1": ["2", "3"], "2": ["1", "2"], "3": ["4"], "4": [], "5": ["9"]}
"""By question. 2 names itself, and 9 was not asked."""


def record(identity: str) -> dict[str, Any]:
    extra = json.dumps({"entailed": ENTAILED[identity], "isBalanced": True})
    return {
        "question_id": identity, "answer": "yes", "answers": [], "extra": extra,
        "answer_type": None, "question_type": None,
    }  # fmt: skip


def answered(*right: str) -> list[tuple[dict[str, Any], str]]:
    return [(record(one), "yes" if one in right else "no") for one in ENTAILED]


def test_only_questions_that_were_answered_rightly_count() -> None:
    assert consistencies(answered("1", "2")) == [0.5, 1.0]
    assert consistencies(answered("3", "5")) == [0.0]
    assert consistencies(answered()) == []


def test_it_stands_in_the_scores_where_questions_entail_others() -> None:
    rows = [Answered(*one) for one in answered("1", "2")]
    scores = summarise(rows, choose_metrics(["gqa"]), "m", "d")
    assert scores.consistency is not None
    assert (scores.consistency.score, scores.consistency.rows) == (0.75, 2)
    plain = [Answered({**one.record, "extra": None}, "yes") for one in rows]
    assert summarise(plain, choose_metrics(["gqa"]), "m", "d").consistency is None
