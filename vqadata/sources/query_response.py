"""Questions as ``query`` and ``response``: ms-swift's simple form, Qwen-VL marks, Alpaca.

Formats: https://swift.readthedocs.io (Custom dataset), Stanford Alpaca's ``instruction``, ``input``
and ``output``. Earlier turns stand in ``history``; pictures in ``images``, or in the text as
``<img>path</img>``. JSON, JSON lines, CSV and TSV.

One raw record::

    {"query": "<img>demo.jpeg</img>What is this?", "response": "A beach.",
     "history": [["Hello", "Hello, how can I help?"]], "images": ["a.jpg"]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from vqadata.layouts.chat import Conversation, Role, Utterance
from vqadata.layouts.mapped_value import parsed_list
from vqadata.layouts.messages import chat_rows, content, pictures, worse_answers
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.table import Table
from vqadata.layouts.typed import MISSING_FIELD, WRONG_TYPE, BadRecord, extra_json, json_type
from vqadata.ledger import Rejection
from vqadata.look import FileLook
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

QUERIES = ("query", "instruction")
RESPONSES = ("response", "output")
PICTURES = ("images", "image")
REJECTED = "rejected_response"


class QueryResponse(RowSource):
    """Records with query and response, or Alpaca's instruction and output; ms-swift."""

    example: ClassVar[str] = "vqadata convert query-response train.jsonl -o shards"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl", ".csv", ".tsv")
    signs: ClassVar[frozenset[str]] = frozenset({"query", "response"})

    @classmethod
    def fits(cls, file: FileLook) -> bool:
        """Whether records ask and respond in one of the pairs of words."""
        pairs = zip(QUERIES, RESPONSES, strict=True)
        return any({query, response} <= file.fields for query, response in pairs)

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """A row for each turn; see :class:`~vqadata.layouts.row_source.RowSource`."""
        return chat_rows(record, members, lambda: _conversation(record, members))


def _conversation(record: RawRecord, members: dict[str, Any]) -> Conversation:
    query = next((name for name in QUERIES if name in members), None)
    if query is None:
        expected = f"the field {' or '.join(map(repr, QUERIES))}"
        raise BadRecord(Rejection(MISSING_FIELD, record.path, "nothing", expected))
    response = next((name for name in RESPONSES if members.get(name)), None)
    asked = "\n".join(
        _text(members, name, record) for name in (query, "input") if members.get(name)
    )
    said = [*_history(members.get("history"), record), _utterance("user", asked, record, query)]
    if response is not None:
        said.append(_utterance("assistant", _text(members, response, record), record, response))
    if members.get("system"):
        said.insert(0, _utterance("system", _text(members, "system", record), record, "system"))
    used = (*QUERIES, *RESPONSES, *PICTURES, "input", "history", "system", REJECTED)
    return Conversation(
        utterances=said,
        pictures=pictures(record, members, PICTURES),
        rejected=worse_answers(members.get(REJECTED), record.at(f"{REJECTED}")),
        extra=extra_json({name: value for name, value in members.items() if name not in used}),
    )


def _history(value: Any, record: RawRecord) -> list[Utterance]:
    """Earlier turns, pairs of question and answer."""
    if isinstance(value, str):
        value = parsed_list(value) if value.strip() else None
    pairs = value or []
    if not isinstance(pairs, list):
        why = Rejection(WRONG_TYPE, record.at("history"), json_type(value), "list of pairs")
        raise BadRecord(why)
    turns: list[Utterance] = []
    for number, pair in enumerate(pairs):
        place = f"history[{number}]"
        if not isinstance(pair, list) or [type(text) for text in pair] != [str, str]:
            expected = "a pair of strings"
            raise BadRecord(Rejection(WRONG_TYPE, record.at(f"{place}"), json_type(pair), expected))
        turns.append(_utterance("user", pair[0], record, f"{place}[0]"))
        turns.append(_utterance("assistant", pair[1], record, f"{place}[1]"))
    return turns


def _utterance(role: Role, text: str, record: RawRecord, field: str) -> Utterance:
    place = record.at(f"{field}")
    return Utterance(role, content(text, place), place)


def _text(members: dict[str, Any], name: str, record: RawRecord) -> str:
    """A field as text; numbers in CSV come as text anyway."""
    value = members[name]
    if not isinstance(value, str):
        why = Rejection(WRONG_TYPE, record.at(f"{name}"), json_type(value), "string")
        raise BadRecord(why)
    return value
