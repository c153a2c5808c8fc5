"""Difference and split of the VQA v2 training set, in CPU seconds and peak memory.

    python -m benchmarks.versions                      # 50,000 questions
    python -m benchmarks.versions --questions 443757   # the size of the VQA v2 training set

The data are those of :mod:`benchmarks.convert`, without pictures, converted twice: the answer of
every third question differs. Shards are mapped into memory, so the peak holds their pages too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.convert import measure

CONVERT = """
from vqadata import convert
from vqadata.sources.coco_vqa import CocoVqa
for name, policy in (("a", "majority"), ("b", "first")):
    source = CocoVqa(
        questions=paths[0], annotations=paths[1], missing_pictures="keep", answer_policy=policy
    )
    convert(source, f"{out}/{name}")
"""

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}

CONTENDERS = {
    "read both versions, nothing else": (
        "from vqadata import open_shards\n"
        "for path in paths:\n    for batch in open_shards(path).batches():\n        pass"
    ),
    "vqadata diff A A": "import vqadata\nvqadata.diff(paths[0], paths[0])",
    "vqadata diff A B": "import vqadata\nvqadata.diff(paths[0], paths[1])",
    "vqadata diff A B, every changed row listed": (
        "import vqadata\nfor row in vqadata.diff(paths[0], paths[1]).changed():\n    pass"
    ),
    "vqadata split A": f"import vqadata\nvqadata.split(paths[0], out + '/parts', {SHARES})",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--questions", type=int, default=50_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write = [sys.executable, "-m", "benchmarks.vqa_v2", name]
        subprocess.run([*write, "--questions", str(chosen.questions)], check=True)
        raw = folder / "questions.json", folder / "annotations.json"
        measure(CONVERT, raw, folder / "versions")
        paths = folder / "versions" / "a", folder / "versions" / "b"
        size = sum(file.stat().st_size for file in paths[0].iterdir()) / 1e6
        print(f"VQA v2, synthetic: {chosen.questions:,} questions, {size:.0f} MB a version\n")
        print("| | CPU s | peak MB |\n| --- | ---: | ---: |")
        for number, (title, code) in enumerate(CONTENDERS.items()):
            cpu, memory = measure(code, paths, folder / str(number))
            print(f"| {title} | {cpu:.2f} | {memory:,} |")


if __name__ == "__main__":
    main()
