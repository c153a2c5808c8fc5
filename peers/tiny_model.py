"""Write a tiny random Qwen2.5-VL with its real processor, its tokenizer learnt from an export.

python -m peers.tiny_model OUT ROWS.jsonl
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from vqatrain.models import tiny

PATCH, IMAGE = 14, 112
"""Pixels a side: ms-swift resizes pictures to multiples of two such patches, whatever the model."""


def texts(path: Path) -> Iterator[str]:
    """The lines of a file of JSON lines: good enough to learn byte pairs from."""
    with path.open(encoding="utf-8") as lines:
        yield from lines


def main(out: str, rows: str) -> None:
    """Build the model and its processor in the form of the transformers that is installed."""
    tiny.PATCH, tiny.IMAGE = PATCH, IMAGE
    from vqatrain.families.qwen2_5_vl import Qwen25Vl  # reads them when it is imported

    made = Qwen25Vl().tiny(texts(Path(rows)))
    made.model.save_pretrained(out)
    made.processor.save_pretrained(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
