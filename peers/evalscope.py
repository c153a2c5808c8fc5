"""Read the export openai with EvalScope's general_vqa, and run its evaluation with a mock model.

PYTHONPATH=. .peers/evalscope/bin/python -m peers.evalscope OUT
"""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peers.expected import Export, check, exports

LIMIT = 5
"""Questions of a split that the mock model answers."""


def main(out: str) -> None:
    """Read every data set, and evaluate a few questions of each."""
    for export in exports(out, "openai"):
        check(export, read(export))
        evaluate(export, Path(out) / "runs" / f"evalscope-{export.folder.parent.name}")


def task(export: Export, **options: Any) -> Any:
    """The task of evaluating one data set."""
    from evalscope.config import TaskConfig

    arguments = {"local_path": str(export.folder), "subset_list": export.splits()}
    return TaskConfig(
        model="mock", eval_type="mock_llm", datasets=["general_vqa"],
        dataset_args={"general_vqa": arguments}, **options,
    )  # fmt: skip


def read(export: Export) -> Iterator[tuple[str, str, int]]:
    """Each last turn as EvalScope's own loader gives it; earlier turns stand in its messages."""
    from evalscope.api.registry import get_benchmark
    from PIL import Image

    subsets = get_benchmark("general_vqa", task(export)).load_dataset()
    for split in export.splits():
        lines = (export.folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        for sample, line in zip(subsets[split], lines, strict=True):
            *before, last = json.loads(line)["question_ids"]
            parts = [p for m in sample.input if not isinstance(m.content, str) for p in m.content]
            pictures = [part.image for part in parts if part.type == "image"]
            for picture in pictures:
                Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))).load()
            answers = [m.text for m in sample.input if m.role == "assistant"]
            yield from (
                (identity, answer, 0) for identity, answer in zip(before, answers, strict=True)
            )
            yield last, sample.target, len(pictures)


def evaluate(export: Export, run_folder: Path) -> None:
    """Run the whole evaluation on a few questions."""
    from evalscope import run_task

    reports = run_task(task(export, limit=LIMIT, work_dir=str(run_folder)))
    report = reports["general_vqa"] if isinstance(reports, dict) else reports[0]
    print(f"{export.folder}: evaluated with a mock model, {report.metrics[0].num} scores")


if __name__ == "__main__":
    main(*sys.argv[1:])
