"""Earlier turns of a conversation as pairs: ``history`` of ms-swift and LLaMA-Factory."""

from __future__ import annotations

from typing import Any

from vqadata.layouts.chat import Utterance
from vqadata.layouts.mapped_value import parsed_list
from vqadata.layouts.messages import content
from vqadata.layouts.typed import WRONG_TYPE, BadRecord, json_type
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord


def earlier_turns(value: Any, record: RawRecord, field: str) -> list[Utterance]:
    """Pairs of question and answer, one message after the other.

    Args:
        value: The pairs, or text that spells them.
        record: The record.
        field: Its field with the pairs.

    Raises:
        BadRecord: They are none.
    """
    if isinstance(value, str):
        value = parsed_list(value) if value.strip() else None
    pairs = value or []
    if not isinstance(pairs, list):
        why = Rejection(WRONG_TYPE, record.at(field), json_type(value), "list of pairs")
        raise BadRecord(why)
    turns: list[Utterance] = []
    for number, pair in enumerate(pairs):
        place = record.at(f"{field}[{number}]")
        if not isinstance(pair, list) or [type(text) for text in pair] != [str, str]:
            raise BadRecord(Rejection(WRONG_TYPE, place, json_type(pair), "a pair of strings"))
        for part, role in enumerate(("user", "assistant")):
            where = f"{place}[{part}]"
            turns.append(Utterance(role, content(pair[part], where), where))  # type: ignore[arg-type]
    return turns
