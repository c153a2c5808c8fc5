"""Text that a model would take for a picture or a control token: found, and never passed on as is.

A question that holds ``<image>`` gets a second picture slot in most trainers, and the wrong picture
is bound to it, or the run dies of a count that does not match. ``<|im_end|>`` in an answer ends the
turn. Sources take out the marks that are meant (:mod:`vqadata.layouts.chat`); what is left here
was written by people, or is damage.

Tokens are those of the tokenizers of Qwen-VL, InternVL, LLaVA, SmolVLM and Idefics, Gemma and
PaliGemma, Phi, Pixtral and Llama, and the marks that data tools write (Data-Juicer, EvalScope).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vqadata.ledger import Action, Ledger, Rejection
from vqadata.record import Row, to_batch

if TYPE_CHECKING:
    import pyarrow as pa

MARKUP = "markup-in-text"

_PICTURES = (
    "image|images|img|picture|video|audio|imagehere|image_?placeholder|image_?pad|image_soft_token|"
    "image_?token|image_newline|start_of_image|end_of_image|boi|eoi|img_context|im_patch|im_col|"
    r"fake_token_around_image|global-img|row_\d+_col_\d+|vision_start|vision_end|__dj__\w+"
)
_CONTROLS = (
    "im_start|im_end|start_of_turn|end_of_turn|end_of_utterance|bos|eos|pad|unk|s|"
    r"loc\d{4}|seg\d{3}"
)
TOKEN = re.compile(
    rf"</?(?:(?:{_PICTURES})(?:[ _-]?\d{{1,4}})?|{_CONTROLS})>"
    r"|<\|[^|<>\s]{1,40}\|>|<｜[^｜<>]{1,40}｜>"  # noqa: RUF001 - DeepSeek writes its tokens so
    r"|\[/?(?:IMG|IMG_BREAK|IMG_END|INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)\]",
    re.IGNORECASE,
)
"""One token."""

TEXTS = ("text", "system", "given_answer", "choices", "rationales", "rejected")
"""Columns of text, or of lists of texts, that are looked at; the answers are looked at as well."""

_OPENINGS = (b"<", b"[")
_ENCODED = re.compile(TOKEN.pattern.encode(), re.IGNORECASE)


class Mark(NamedTuple):
    """One token in a text."""

    path: str
    """Field of the record: ``text``, ``answers[3].answer``."""
    offset: int
    """Characters before it."""
    token: str


def guard(
    batch: pa.RecordBatch, policy: Literal["neutralise", "quarantine"], ledger: Ledger
) -> pa.RecordBatch:
    """See to it that no text of a batch holds a token.

    Args:
        batch: Canonical records.
        policy: ``neutralise`` puts a space behind the token's first character, and keeps the row
            with a remark that holds the record as it was; ``quarantine`` takes the row out.
        ledger: Takes note of the rows, with the first token's field and offset.
    """
    import numpy as np
    import pyarrow as pa

    if not _may_hold_tokens(batch):
        return batch
    marked = {}
    for number, row in enumerate(batch.select([*TEXTS, "answers"]).to_pylist()):
        if marks := list(marks_of(row)):
            marked[number] = marks
    if not marked:
        return batch
    places = np.array(list(marked))
    _note(batch.take(pa.array(places)), list(marked.values()), policy, ledger)
    if policy == "quarantine":
        return batch.take(pa.array(np.setdiff1d(np.arange(len(batch)), places)))
    cured = to_batch([neutralised(row) for row in batch.take(pa.array(places)).to_pylist()])
    order = np.arange(len(batch))
    order[places] = len(batch) + np.arange(len(places))
    (whole,) = pa.Table.from_batches([batch, cured]).take(pa.array(order)).to_batches()
    return whole


def marks_of(row: Row) -> Iterator[Mark]:
    """The tokens in the texts of one record."""
    for path, text in _texts(row):
        for match in TOKEN.finditer(text):
            yield Mark(path, match.start(), match[0])


def neutralised(row: Row) -> Row:
    """The record with a space behind the first character of each token.

    >>> neutralised({"text": "Is <image> here?"})["text"]
    'Is < image> here?'
    """
    cured = dict(row)
    for name in TEXTS:
        cured[name] = _cured(row.get(name))
    cured["answers"] = [
        {**answer, "answer": _cured(answer["answer"])} for answer in row.get("answers") or []
    ]
    breaks = [match.start() for match in TOKEN.finditer(row.get("text") or "")]
    cured["placeholders"] = [
        {**mark, "offset": mark["offset"] + sum(at < mark["offset"] for at in breaks)}
        for mark in row.get("placeholders") or []
    ]
    return cured


def _cured(value: Any) -> Any:
    if isinstance(value, list):
        return [_cured(item) for item in value]
    if not isinstance(value, str):
        return value
    return TOKEN.sub(lambda match: f"{match[0][0]} {match[0][1:]}", value)


def _texts(row: Row) -> Iterator[tuple[str, str]]:
    for name in TEXTS:
        value = row.get(name)
        if isinstance(value, str):
            yield name, value
        elif value:
            yield from ((f"{name}[{n}]", item) for n, item in enumerate(value))
    for number, answer in enumerate(row.get("answers") or []):
        yield f"answers[{number}].answer", answer["answer"]


def _may_hold_tokens(batch: pa.RecordBatch) -> bool:
    """Whether the bytes of all texts hold a token; a search for its first character is cheapest."""
    arrays = [batch.column(name) for name in TEXTS]
    arrays = [array.values if hasattr(array, "values") else array for array in arrays]
    for array in [*arrays, batch.column("answers").values.field("answer")]:
        buffer = array.buffers()[2]
        data = buffer.to_pybytes() if buffer is not None else b""
        if any(_ENCODED.match(data, at) for opening in _OPENINGS for at in _places(opening, data)):
            return True
    return False


def _places(opening: bytes, data: bytes) -> Iterator[int]:
    """Where a byte stands; ``find`` goes through megabytes at the speed of memory."""
    at = data.find(opening)
    while at >= 0:
        yield at
        at = data.find(opening, at + 1)


def _note(records: pa.RecordBatch, marks: list[list[Mark]], policy: str, ledger: Ledger) -> None:
    import pyarrow as pa

    why = Rejection(MARKUP, expected="text without tokens of models")
    paths = pa.array([found[0].path for found in marks])
    more = [f", and {len(found) - 1} more" if len(found) > 1 else "" for found in marks]
    found = [
        f"{each[0].token} at character {each[0].offset}{rest}"
        for each, rest in zip(marks, more, strict=True)
    ]
    action: Action = "quarantined" if policy == "quarantine" else "flagged"
    ledger.note_records(action, why, records, path=paths, found=pa.array(found))
