"""GQA's consistency: who answers a question rightly should answer what follows from it.

Source: Hudson and Manning, CVPR 2019 (https://arxiv.org/abs/1902.09506), and ``eval.py`` of the
data set's download. Each question that is answered rightly counts by the share of its entailed
questions that are answered rightly, itself left out. ``eval.py`` asks for predictions of all
questions; here entailed ones that were not asked are left out, and so is a question of which none
was asked. Validity and plausibility need the lists of choices that were made from the scene graphs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vqatrain.scoring.metric import RecordView, source_field

ENTAILED = "entailed"
"""Where GQA names the questions whose answer follows."""


def consistencies(answered: Sequence[tuple[RecordView, str]]) -> list[float]:
    """The consistency of each question that was answered rightly and has entailed ones.

    Args:
        answered: Records and what a model said.

    Returns:
        Shares from 0 to 1, in the order of the questions.
    """
    right = {
        record["question_id"]: said == record["answer"]
        for record, said in answered
        if record.get("question_id") is not None and record["answer"] is not None
    }
    return list(_shares(answered, right)) if _any_entails(answered) else []


def _any_entails(answered: Sequence[tuple[RecordView, str]]) -> bool:
    """A cheap look, so that other data sets are not parsed."""
    return any(f'"{ENTAILED}"' in (record.get("extra") or "") for record, _ in answered)


def _shares(answered: Sequence[tuple[RecordView, str]], right: dict[str, bool]) -> Iterator[float]:
    for record, _ in answered:
        identity = record.get("question_id")
        named = source_field(record, ENTAILED) if right.get(str(identity)) else None
        known = [right[one] for one in named or () if one != identity and one in right]
        if known:
            yield sum(known) / len(known)
