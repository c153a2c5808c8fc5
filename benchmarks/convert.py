"""Conversion of VQA v2, in CPU seconds and peak memory, beside other ways to read the same files.

    python -m benchmarks.convert                      # 50,000 questions
    python -m benchmarks.convert --questions 443757   # the size of the VQA v2 training set

The files are synthetic, in the official layout: ten answers a question, skewed answers, texts with
quotes, braces and other scripts. Every contender runs in a process of its own; pictures are left
out on both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

WORDS = "what is the colour of this car how many people are there in picture does man wear a hat"
ANSWERS = ["yes", "no", "2", "1", "white", "}, {", ']}"', "größer", "蓝色", "on the left", "don't"]
CONFIDENCE = ["yes", "yes", "yes", "maybe", "no"]

CONTENDERS = {
    "read the bytes": "for p in paths: open(p, 'rb').read()",
    "json.load, nothing else": "import json\nfor p in paths: json.load(open(p))",
    "msgspec parse, nothing else": (
        "import msgspec\nfor p in paths: msgspec.json.decode(open(p, 'rb').read())"
    ),
    "json.load, join, Arrow table": (
        "import json\n"
        "import pyarrow as pa\n"
        "questions, annotations = (json.load(open(p)) for p in paths)\n"
        "known = {a['question_id']: a for a in annotations['annotations']}\n"
        "pa.Table.from_pylist([{**q, **known[q['question_id']]} for q in questions['questions']])"
    ),
    "datasets.load_dataset and map": (
        "import datasets\n"
        "load = lambda p, field: datasets.load_dataset('json', data_files=p, field=field, "
        "split='train', cache_dir=out)\n"
        "annotations = load(paths[1], 'annotations')\n"
        "row = {q: i for i, q in enumerate(annotations['question_id'])}\n"
        "load(paths[0], 'questions').map(lambda q: annotations[row[q['question_id']]])"
    ),
    "vqadata convert": (
        "from vqadata import convert\n"
        "from vqadata.sources.coco_vqa import CocoVqa\n"
        "source = CocoVqa(questions=paths[0], annotations=paths[1], missing_pictures='keep')\n"
        "convert(source, out + '/shards')"
    ),
}


def write_files(folder: Path, questions: int, seed: int = 0) -> None:
    """Write a questions and an annotations file in the official layout of VQA v2."""
    draw = random.Random(seed)
    words, pictures = WORDS.split(), max(1, questions // 5)
    asked, known = [], []
    for number in range(questions):
        identity, image_id = 1_000_000 + number, draw.randrange(pictures)
        text = " ".join(draw.choices(words, k=draw.randint(4, 11))).capitalize() + "?"
        asked.append({"image_id": image_id, "question": text, "question_id": identity})
        said = draw.choices(ANSWERS, weights=range(len(ANSWERS), 0, -1), k=3)
        answers = [
            {
                "answer": draw.choice(said),
                "answer_confidence": draw.choice(CONFIDENCE),
                "answer_id": n,
            }
            for n in range(1, 11)
        ]
        known.append(
            {
                "question_type": "what is",
                "multiple_choice_answer": said[0],
                "answers": answers,
                "image_id": image_id,
                "answer_type": "other",
                "question_id": identity,
            }
        )
    draw.shuffle(known)
    paths = folder / "questions.json", folder / "annotations.json"
    header = {"info": {"year": 2017}, "data_subtype": "train2014", "data_type": "mscoco"}
    paths[0].write_text(json.dumps(header | {"questions": asked}))
    paths[1].write_text(json.dumps(header | {"annotations": known}))


def measure(code: str, paths: tuple[Path, Path], out: Path) -> tuple[float, int]:
    """CPU seconds (user and system, all threads) and peak memory in MB of a fresh process."""
    out.mkdir()
    program = f"paths, out = {[str(path) for path in paths]!r}, {str(out)!r}\n{code}\n"
    program += "import resource\nu = resource.getrusage(resource.RUSAGE_SELF)\n"
    program += "print(u.ru_utime + u.ru_stime, u.ru_maxrss // 1024)"
    quiet = os.environ | {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=quiet
    )
    cpu, memory = done.stdout.split()[-2:]
    return float(cpu), int(memory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--questions", type=int, default=50_000)
    parser.add_argument("--write-only", type=Path, metavar="FOLDER", help="write the files there")
    chosen = parser.parse_args()
    if chosen.write_only:
        write_files(chosen.write_only, chosen.questions)
        return
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: children report the peak memory of their parent as their own.
        again = [sys.executable, "-m", "benchmarks.convert", "--write-only", folder]
        subprocess.run([*again, "--questions", str(chosen.questions)], check=True)
        paths = Path(folder) / "questions.json", Path(folder) / "annotations.json"
        size = sum(path.stat().st_size for path in paths) / 1e6
        print(f"VQA v2, synthetic: {chosen.questions:,} questions, {size:.0f} MB of JSON\n")
        print("| | CPU s | x json.load | peak MB |\n| --- | ---: | ---: | ---: |")
        found = {
            name: measure(code, paths, Path(folder) / str(number))
            for number, (name, code) in enumerate(CONTENDERS.items())
        }
        unit = found["json.load, nothing else"][0]
        for name, (cpu, memory) in found.items():
            print(f"| {name} | {cpu:.2f} | {cpu / unit:.2f} | {memory:,} |")


if __name__ == "__main__":
    main()
