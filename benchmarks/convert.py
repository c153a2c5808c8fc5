"""Conversion of VQA v2, in CPU seconds and peak memory, beside other ways to read the same files.

    python -m benchmarks.convert                      # the size of the VQA v2 training set; minutes
    python -m benchmarks.convert --questions 50000    # a quick look
    python -m benchmarks.convert --tenfold            # a file of ten times the size as well

The files are synthetic (:mod:`benchmarks.vqa_v2`), in the official layout. Every contender runs in
a process of its own, which counts its imports; pictures are left out on all sides. The first lines
are limits: they do nothing with what they read.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.vqa_v2 import QUESTIONS

UNIT, OURS = "orjson.loads, nothing else", "vqadata convert"

LOAD = """
import datasets
load = lambda path, field: datasets.load_dataset(
    "json", data_files=path, field=field, split="train", cache_dir=out)
questions, annotations = load(paths[0], "questions"), load(paths[1], "annotations")
row = {identity: number for number, identity in enumerate(annotations["question_id"])}
"""

CONVERT = """
import sys
from vqadata.cli import main
sys.argv = [
    "vqadata", "convert", "coco-vqa", "--questions", paths[0], "--annotations", paths[1],
    "--missing-pictures", "{missing}", "-o", out + "/shards",
]
try:
    main()
except SystemExit as done:
    assert not done.code
"""

CONTENDERS = {
    "read the bytes": "for path in paths: open(path, 'rb').read()",
    UNIT: "import orjson\nkept = [orjson.loads(open(path, 'rb').read()) for path in paths]",
    "json.load, nothing else": "import json\nkept = [json.load(open(path)) for path in paths]",
    "json.load, join, Arrow table": """
import json
import pyarrow as pa
questions, annotations = (json.load(open(path)) for path in paths)
known = {a["question_id"]: a for a in annotations["annotations"]}
pa.Table.from_pylist([{**q, **known[q["question_id"]]} for q in questions["questions"]])
""",
    "datasets: load_dataset(field=), map": (
        f"{LOAD}questions.map(lambda q: annotations[row[q['question_id']]])"
    ),
    # The way of ms-swift: rows of a batch become dicts, each is preprocessed in a try of its own,
    # one that fails is left out (swift/dataset/preprocessor/core.py).
    "datasets: rows to messages, as ms-swift does": f"""{LOAD}
def preprocess(one):
    answers = annotations[row[one["question_id"]]]
    return {{
        "messages": [
            {{"role": "user", "content": "<image>" + one["question"]}},
            {{"role": "assistant", "content": answers["multiple_choice_answer"]}},
        ],
        "images": [f"COCO_train2014_{{one['image_id']:012d}}.jpg"],
    }}
def batched(batch):
    rows = [dict(zip(batch, values)) for values in zip(*batch.values())]
    good = []
    for one in rows:
        try:
            good.append(preprocess(one))
        except Exception:
            pass
    return {{name: [one[name] for one in good] for name in ("messages", "images")}}
questions.map(batched, batched=True, batch_size=1000, remove_columns=questions.column_names)
""",
    OURS: CONVERT.format(missing="keep"),
    f"{OURS}, all pictures missing and dropped": CONVERT.format(missing="drop"),
}

DAMAGED = {"1 % damaged": 0.01, "0.01 % damaged": 0.0001}


class Cost(NamedTuple):
    """What one process took."""

    cpu: float
    """Seconds, user and system, of all threads."""
    memory: int
    """Peak of resident memory in MB."""


def measure(code: str, paths: Sequence[Path], out: Path) -> Cost:
    """Run code in a process of its own, which finds ``paths`` and a folder ``out`` to write in."""
    program = f"paths, out = {[str(path) for path in paths]!r}, {str(out)!r}\n{code}\n"
    program += "import resource\nu = resource.getrusage(resource.RUSAGE_SELF)\n"
    program += "print(u.ru_utime + u.ru_stime, u.ru_maxrss // 1024)"
    quiet = os.environ | {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    out.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=quiet
    )
    cpu, memory = done.stdout.split()[-2:]
    return Cost(float(cpu), int(memory))


def cost_of(contender: str, files: Path) -> Cost:
    """What a contender takes for the two files in a folder; what it writes is removed."""
    paths = [files / "questions.json", files / "annotations.json"]
    cost = measure(CONTENDERS[contender], paths, files / "out")
    shutil.rmtree(files / "out")
    return cost


def write(folder: Path, questions: int, damaged: float = 0.0) -> Path:
    """Write the two files in a process of its own, as its peak would be inherited."""
    program = [sys.executable, "-m", "benchmarks.vqa_v2", str(folder)]
    options = ["--questions", str(questions), "--damaged", str(damaged)]
    subprocess.run([*program, *options], check=True)
    return folder


def compare(folder: Path, questions: int, tenfold: bool) -> None:
    """Print the table, a line as soon as it is known."""
    files = write(folder / "clean", questions)
    size = sum(path.stat().st_size for path in files.iterdir()) / 1e6
    print(f"VQA v2, synthetic: {questions:,} questions, {size:.0f} MB of JSON\n")
    print("| | CPU s | x orjson.loads | peak MB |\n| --- | ---: | ---: | ---: |", flush=True)
    unit = cost_of(UNIT, files)
    for name in CONTENDERS:
        line(name, unit if name == UNIT else cost_of(name, files), unit)
    for name, share in DAMAGED.items():
        files = write(folder / name, questions, share)
        line(f"{OURS}, {name}", cost_of(OURS, files), unit)
        shutil.rmtree(files)
    if tenfold:
        files = write(folder / "tenfold", 10 * questions)
        line(f"{OURS}, ten times the questions", cost_of(OURS, files), unit)


def line(name: str, cost: Cost, unit: Cost) -> None:
    """Print one line of the table."""
    print(f"| {name} | {cost.cpu:.2f} | {cost.cpu / unit.cpu:.2f} | {cost.memory:,} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--tenfold", action="store_true", help="a file of ten times the size too")
    parser.add_argument("--folder", type=Path, help="for the files, which need 1 or 10 GB")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        compare(Path(folder), chosen.questions, chosen.tenfold)


if __name__ == "__main__":
    main()
