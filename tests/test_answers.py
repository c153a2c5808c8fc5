"""From many answers to one: each policy, its tie rule, and the figures of agreement."""

from __future__ import annotations

from collections import Counter
from math import log2
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqadata.converting.answers import AnswerPolicy, settle
from vqadata.record import Answer, Origin, Record, to_batches


def settled(
    policy: AnswerPolicy, *rows: list[str] | list[tuple[str, str]], given_answer: str | None = None
) -> list[dict[str, Any]]:
    """Rows of answers, or of answers with confidences, after the policy."""
    records = [
        Record(
            question_id="1",
            image_path="a.png",
            text="What?",
            given_answer=given_answer,
            answers=[
                Answer(answer=a) if isinstance(a, str) else Answer(answer=a[0], confidence=a[1])
                for a in row
            ],
            origin=Origin(source="test", file="a.json", index=0),
        )
        for row in rows
    ]
    (batch,) = to_batches(records)
    return settle(batch, policy).to_pylist()  # type: ignore[no-any-return]


def answers(policy: AnswerPolicy, *rows: Any, **given: Any) -> list[str | None]:
    return [row["answer"] for row in settled(policy, *rows, **given)]


def test_majority_and_its_tie_go_to_the_first() -> None:
    rows = (["b", "a", "a"], ["b", "a", "a", "b"], ["c"])
    assert answers("majority", *rows) == ["a", "b", "c"]


def test_first() -> None:
    assert answers("first", ["b", "a", "a"], ["x"]) == ["b", "x"]


def test_most_confident_answers_vote() -> None:
    unsure = [("x", "maybe")] * 3
    sure = [("x", "yes"), ("y", "yes"), ("y", "yes")]
    assert answers("most-confident", unsure + sure, unsure, ["b", "a", "a"]) == ["y", "x", "a"]


def test_given_is_what_the_source_says() -> None:
    assert answers("given", ["b", "b"], given_answer="a") == ["a"]
    assert answers("given", ["b", "b"]) == [None]


def test_soft_labels_are_leave_one_out_accuracies() -> None:
    (row,) = settled("soft", ["a", "b", "b", "c", "c", "c", "c"])
    assert row["answer"] == "c"
    assert [(label["answer"], label["score"]) for label in row["soft_labels"]] == [
        ("c", 1.0), ("b", 0.6), ("a", 0.3),
    ]  # fmt: skip


@pytest.mark.parametrize("policy", ["majority", "first", "most-confident", "soft"])
def test_without_answers_the_given_one_is_taken(policy: AnswerPolicy) -> None:
    assert answers(policy, [], ["x"]) == [None, "x"]
    assert answers(policy, [], given_answer="g") == ["g"]


def test_agreement() -> None:
    rows = settled("majority", ["Yes", "yes", "no", "no"], ["a"] * 10, ["a", "a", "b"], ["a"])
    assert rows[0]["agreement"] == {
        "distinct": 3, "majority_share": 0.5, "entropy": 1.5, "tie": False, "contradiction": True,
    }  # fmt: skip
    assert rows[1]["agreement"] == {
        "distinct": 1, "majority_share": 1.0, "entropy": 0.0, "tie": False, "contradiction": False,
    }  # fmt: skip
    assert rows[2]["agreement"]["entropy"] == pytest.approx(0.918296)
    assert rows[3]["agreement"] is None
    assert settled("majority", ["a", "b"])[0]["agreement"]["tie"]


@given(st.lists(st.lists(st.sampled_from(["yes", "No", "a", "b", ""]), max_size=12), max_size=20))
def test_a_batch_is_settled_as_each_row_would_be(rows: list[list[str]]) -> None:
    for row, found in zip(rows, settled("majority", *rows) if rows else [], strict=True):
        counts = Counter(row).most_common()
        assert found["answer"] == (counts[0][0] if counts else None)
        if len(row) < 2:
            assert found["agreement"] is None
            continue
        shares = [count / len(row) for _, count in counts]
        said = {answer.lower() for answer in row}
        assert found["agreement"] == {
            "distinct": len(counts),
            "majority_share": shares[0],
            "entropy": pytest.approx(-sum(share * log2(share) for share in shares), abs=1e-6),
            "tie": len(counts) > 1 and counts[0][1] == counts[1][1],
            "contradiction": {"yes", "no"} <= said,
        }
