"""What a source makes of its fixture; ``python -m tests.contract`` rewrites the expectations.

Read the difference before you commit it: an expectation is a promise to users.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from vqadata import convert, open_shards, sources
from vqadata.discover import find, names
from vqadata.ledger import read_ledger
from vqadata.steps import Source

FIXTURES = Path(__file__).parent.parent / "fixtures"
ENTRY_FIELDS = ("action", "reason", "question_id", "file", "index", "path", "found", "expected")


def fixture_of(name: str) -> Path:
    return FIXTURES / name.replace("-", "_")


def build_source(name: str) -> Source:
    """The source with the options of its fixture; paths are relative to the fixture."""
    kind = find(sources, Source, name)
    folder = fixture_of(name)
    options = json.loads((folder / "options.json").read_text())
    return kind.model_validate({key: _in(folder, value) for key, value in options.items()})


def _in(folder: Path, value: Any) -> Any:
    """The value with paths that are there in the fixture made whole."""
    if isinstance(value, list):
        return [_in(folder, item) for item in value]
    there = isinstance(value, str) and (folder / value).exists()
    return str(folder / value) if there else value


def outcome(shards: Path) -> dict[str, Any]:
    """Everything of a converted fixture that the expectation holds."""
    opened = open_shards(shards)
    entries = read_ledger(shards / opened.manifest.ledger.file)
    return {
        "records": [record.model_dump() for record in opened.records()],
        "ledger": [entry.model_dump(include=set(ENTRY_FIELDS)) for entry in entries],
        "balance": [entry.model_dump() for entry in opened.manifest.balance],
    }


def portable(result: dict[str, Any]) -> dict[str, Any]:
    """Without the folder of the fixture, which differs between machines."""
    return json.loads(json.dumps(result).replace(str(FIXTURES), "fixtures"))


def main() -> None:
    for name in names(sources):
        with tempfile.TemporaryDirectory() as folder:
            convert(build_source(name), Path(folder) / "shards")
            result = portable(outcome(Path(folder) / "shards"))
        text = json.dumps(result, indent=1, ensure_ascii=False)
        (fixture_of(name) / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
