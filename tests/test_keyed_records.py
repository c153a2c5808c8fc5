"""Objects of records keyed by id are told from JSON lines and from documents with a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from vqadata.layouts.table import read_table

RECORD = '{"question": "Is it?", "imageId": "n1"}'

TEXTS = {
    "one line": (f'{{"7": {RECORD}, "8": {RECORD}}}', ["7", "8"]),
    "pretty": (f'{{\n "7": {RECORD},\n "8": {RECORD}\n}}', ["7", "8"]),
    "a bad record first": (f'{{"7": null, "8": {RECORD}}}', ["7", "8"]),
    "a key twice": (f'{{"7": {RECORD}, "7": {RECORD}}}', ["7", "7"]),
    "lines": (f"{RECORD}\n{RECORD}\n", [None, None]),
    "lines that begin with an object": ('{"types": {"a": 1}, "q": "x"}\n' * 3, [None] * 3),
    "a list": (f"[{RECORD}, {RECORD}]", [None, None]),
    "a list under a key": (f'{{"info": {{"a": 1}}, "questions": [{RECORD}]}}', [None]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_form_is_told_by_content(name: str, tmp_path: Path) -> None:
    text, keys = TEXTS[name]
    path = tmp_path / "file.json"
    path.write_text(text, encoding="utf-8")
    assert [record.key for record in read_table(path, keyed=True)] == keys
