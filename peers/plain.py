"""Ask exported models with torch, transformers and Pillow alone, by the lines of their README.

.peers/plain/bin/python -m peers.plain MODELS
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any


def main(models: str) -> None:
    """Compare the answers of each exported model with those that ``vqatrain`` gave."""
    expected = sorted(Path(models).resolve().glob("*.jsonl"))
    if not expected:
        raise SystemExit(f"{models}: no models; run peers.make_models first")
    for path in expected:
        compare(path.with_suffix(""), path)


def compare(folder: Path, path: Path) -> None:
    """Ask one model."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    code = re.findall(r"```py\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[0]
    os.chdir(folder)
    names: dict[str, Any] = {}
    exec(code, names)
    said = [names["answer"](row["picture"], row["question"]) for row in rows]
    wrong = [
        (one, row["answer"]) for one, row in zip(said, rows, strict=True) if one != row["answer"]
    ]
    if wrong:
        raise SystemExit(f"{folder}: {len(wrong)} of {len(rows)} answers differ, as {wrong[:3]}")
    if "vqatrain" in sys.modules or "vqadata" in sys.modules:
        raise SystemExit("vqatrain was imported: this was no plain environment")
    different = len(set(said))
    print(f"{folder.name}: {len(rows)} answers as vqatrain's, {different} different ones")


if __name__ == "__main__":
    main(*sys.argv[1:])
