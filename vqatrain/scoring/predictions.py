"""Files of predictions: those of others are read, and what leaderboards want is written.

Read are, told by their content: JSON lines with ``question_id`` and ``prediction`` (ours), ``text``
(LLaVA's answers), ``answer`` or ``response``; lmms-eval's samples, with ``doc`` and
``filtered_resps``, as lines or under ``logs``; lists for EvalAI (``question_id``, ``answer``) and
GQA (``questionId``, ``prediction``); an object of answers by question id, as A-OKVQA wants it. An
entry with an ``error`` has no answer. Written is EvalAI's list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vqadata.errors import VqaDataError

IDS = ("question_id", "questionId", "id")
ANSWERS = ("prediction", "text", "answer", "response", "pred", "direct_answer", "multiple_choice")
EXPECTED = f"a question id ({', '.join(IDS)}) and an answer ({', '.join(ANSWERS)})"


def read_predictions(path: Path) -> dict[str, str]:
    """Answers by question id.

    Raises:
        VqaDataError: The file cannot be read, an entry lacks id or answer, or an id comes twice.
    """
    found: dict[str, str] = {}
    for where, entry in _entries(path):
        if isinstance(entry, dict) and entry.get("error"):  # as vqatrain infer writes it
            continue
        identity, answer = _id(entry), _answer(entry)
        if identity is None or answer is None:
            keys = f"keys {', '.join(map(str, entry))}" if isinstance(entry, dict) else "no object"
            raise VqaDataError(where, keys, EXPECTED, "Check which file is which.")
        if found.setdefault(identity, answer) != answer:
            raise VqaDataError(
                where, f"another answer to question {identity}", "one answer a question",
                "Leave out one of the two.",
            )  # fmt: skip
    if not found:
        raise VqaDataError(str(path), "no predictions", EXPECTED)
    return found


def write_upload(path: Path, rows: Iterable[tuple[str, str]], numbers: bool) -> None:
    """Write what EvalAI takes for the VQA challenges: a list of ``question_id`` and ``answer``.

    Args:
        path: The file; it must not exist.
        rows: Question id and answer.
        numbers: Whether the data set writes its ids as numbers.
    """
    entries = [
        {"question_id": int(identity) if numbers else identity, "answer": answer}
        for identity, answer in rows
    ]
    if path.exists():
        raise VqaDataError(str(path), "a file of that name", "a new file", "Choose another name.")
    path.write_text(json.dumps(entries, ensure_ascii=False) + "\n", encoding="utf-8")


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    """Each entry with its place in the file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise VqaDataError(str(path), str(error), "a file of predictions") from None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and isinstance(document.get("logs"), list):
        document = document["logs"]  # lmms-eval up to 0.2
    if isinstance(document, list):
        yield from ((f"{path}: [{n}]", entry) for n, entry in enumerate(document))
    elif isinstance(document, dict) and _id(document) is None:
        yield from ((f"{path}: {key}", _keyed(key, entry)) for key, entry in document.items())
    else:
        yield from _lines(path, text)


def _keyed(key: str, entry: Any) -> dict[str, Any]:
    answer = _answer(entry) if isinstance(entry, dict) else entry
    return {"question_id": key, "answer": answer}


def _lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):  # a text may hold U+2028 as it is
        if line.strip():
            where = f"{path}: line {number}"
            try:
                yield where, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise VqaDataError(where, str(error), "JSON lines, or a JSON list") from None


def _id(entry: Any) -> str | None:
    """The question id of an entry, or of the document that lmms-eval puts beside its answer."""
    if not isinstance(entry, Mapping):
        return None
    for name in IDS:
        if isinstance(entry.get(name), str | int) and not isinstance(entry[name], bool):
            return str(entry[name])
    return _id(entry.get("doc"))


def _answer(entry: Any) -> str | None:
    if not isinstance(entry, Mapping):
        return None
    if isinstance(entry.get("doc"), Mapping):
        return _first_text(entry.get("filtered_resps") or entry.get("resps"))
    return next((entry[name] for name in ANSWERS if isinstance(entry.get(name), str)), None)


def _first_text(value: Any) -> str | None:
    """The first string in lists of lists."""
    while isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str) else None
