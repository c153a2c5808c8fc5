"""Questions as ``query`` and ``response``: ms-swift's simple form, Qwen-VL marks, Alpaca.

Formats: https://swift.readthedocs.io (Custom dataset), Stanford Alpaca's ``instruction``, ``input``
and ``output``. Earlier turns stand in ``history``; pictures in ``images``, or in the text as
``<img>path</img>``. JSON, JSON lines, CSV and TSV. Columns of other names are told as ms-swift's
``--columns`` has them, the other way round: ``--column query=text``. An answer whose ``label`` is
false (KTO) is a worse one.

One raw record::

    {"query": "<img>demo.jpeg</img>What is this?", "response": "A beach.",
     "history": [["Hello", "Hello, how can I help?"]], "images": ["a.jpg"]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from vqadata.converting.look import FileLook
from vqadata.layouts.chat import Conversation, Role, Utterance
from vqadata.layouts.messages import chat_rows, content, pictures, undesired, worse_answers
from vqadata.layouts.renamed import RenamedSource
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.table import Table
from vqadata.layouts.turns import earlier_turns
from vqadata.layouts.typed import MISSING_FIELD, WRONG_TYPE, BadRecord, extra_json, json_type
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

QUERIES = ("query", "instruction")
RESPONSES = ("response", "output")
PICTURES = ("images", "image")
REJECTED = "rejected_response"


class QueryResponse(RenamedSource):
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
        members = self.renamed(members)
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
    said = [
        *earlier_turns(members.get("history"), record, "history"),
        _utterance("user", asked, record, query),
    ]
    if response is not None:
        said.append(_utterance("assistant", _text(members, response, record), record, response))
    if members.get("system"):
        said.insert(0, _utterance("system", _text(members, "system", record), record, "system"))
    used = (*QUERIES, *RESPONSES, *PICTURES, "input", "history", "system", REJECTED)
    worse = worse_answers(members.get(REJECTED), record.at(f"{REJECTED}"))
    if members.get("label") is False:
        said, worse = undesired(said, worse)
    return Conversation(
        utterances=said,
        pictures=pictures(record, members, PICTURES),
        rejected=worse,
        extra=extra_json({name: value for name, value in members.items() if name not in used}),
    )


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
