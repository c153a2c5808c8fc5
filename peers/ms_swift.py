"""Read the export with ms-swift, and train on it: supervised, then on preferences.

PYTHONPATH=.:peers/path .peers/ms-swift/bin/python -m peers.ms_swift OUT
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from peers.expected import Export, check, exports, program, run
from peers.tiny_model import main as make_model

STEPS = "3"
COMMON = [
    "--model_type", "qwen2_5_vl", "--template", "qwen2_5_vl", "--tuner_type", "full",
    "--torch_dtype", "float32", "--use_cpu", "true", "--attn_impl", "sdpa", "--max_steps", STEPS,
    "--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "1",
    "--gradient_checkpointing", "false", "--dataloader_num_workers", "0", "--logging_steps", "1",
    "--save_strategy", "no", "--report_to", "none", "--max_pixels", "12544", "--strict", "true",
    "--split_dataset_ratio", "0",
]  # fmt: skip


def main(out: str) -> None:
    """Read and train on every data set."""
    for export in exports(out, "ms-swift"):
        check(export, read(export))
        train(export, Path(out) / "runs" / f"ms-swift-{export.folder.parent.name}")


def read(export: Export) -> Iterator[tuple[str, str, int]]:
    """Each turn as ms-swift's own preprocessor gives it, its pictures opened by its own reader."""
    from swift.dataset import load_dataset
    from swift.template.vision_utils import load_image

    for split in export.splits():
        rows, _ = load_dataset(
            [str(export.folder / f"{split}.jsonl")],
            strict=True,
            remove_unused_columns=False,
            load_from_cache_file=False,
        )
        for row in rows:
            told = [m["content"] for m in row["messages"] if m["role"] == "assistant"]
            pictures = row.get("images") or []
            for picture in pictures:
                load_image(str(export.folder / picture["path"])).load()
            marks = sum(m["content"].count("<image>") for m in row["messages"])
            if marks != len(pictures):
                raise SystemExit(f"{row}: {marks} marks, {len(pictures)} pictures")
            for number, (identity, answer) in enumerate(
                zip(row["question_ids"], told, strict=True)
            ):
                yield identity, answer, 0 if number else len(pictures)


def train(export: Export, run_folder: Path) -> None:
    """A few steps on the first split, and on its preferences if it has some."""
    rows = export.folder / f"{export.splits()[0]}.jsonl"
    model = run_folder / "tiny"
    make_model(str(model), str(rows))
    kinds = {"sft": (["sft"], rows)}
    preferences = rows.with_name(f"{rows.stem}-preference.jsonl")
    if preferences.exists():
        kinds["dpo"] = (["rlhf", "--rlhf_type", "dpo"], preferences)
    for kind, (command, file) in kinds.items():
        text = run(
            [program("swift"), *command, "--model", str(model), "--dataset", str(file), *COMMON,
             "--output_dir", str(run_folder / kind)],
            ROOT_IMAGE_DIR=str(export.folder),
        )  # fmt: skip
        losses = [part.split("'")[1] for part in text.split("'loss': ")[1:]]
        if len(losses) != int(STEPS):
            raise SystemExit(f"{kind}: {len(losses)} steps were logged\n{text[-3000:]}")
        print(f"{file}: swift {' '.join(command)}, {STEPS} steps, loss {', '.join(losses)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
