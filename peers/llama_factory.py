"""Read the export with LLaMA-Factory, and train on it: supervised, then on preferences.

PYTHONPATH=.:peers/path .peers/llama-factory/bin/python -m peers.llama_factory OUT
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peers.expected import Export, check, exports, program, run
from peers.tiny_model import main as make_model

STEPS = "3"
COMMON = [
    "--template", "qwen2_vl", "--do_train", "true", "--finetuning_type", "full",
    "--freeze_vision_tower", "false", "--use_cpu", "true", "--bf16", "false", "--max_steps", STEPS,
    "--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "1",
    "--logging_steps", "1", "--save_strategy", "no", "--report_to", "none",
    "--cutoff_len", "1024", "--overwrite_cache", "true", "--image_max_pixels", "12544",
    "--max_samples", "400",
]  # fmt: skip


def main(out: str) -> None:
    """Read and train on every data set."""
    for export in exports(out, "llama-factory"):
        check(export, read(export))
        train(export, Path(out) / "runs" / f"llama-factory-{export.folder.parent.name}")


def read(export: Export) -> Iterator[tuple[str, str, int]]:
    """Each turn as LLaMA-Factory's own converter gives it; it checks roles, marks and pictures."""
    from datasets import load_dataset
    from PIL import Image

    for split in export.splits():
        lines = load_dataset(
            "json", data_files=str(export.folder / f"{split}.jsonl"), split="train"
        )
        for row, aligned in zip(lines, aligned_rows(export, split), strict=True):
            turns = [*aligned["_prompt"], *aligned["_response"]]
            told = [turn["content"] for turn in turns if turn["role"] == "assistant"]
            pictures = aligned["_images"] or []
            for picture in pictures:
                Image.open(picture).load()
            if sum(turn["content"].count("<image>") for turn in turns) != len(pictures):
                raise SystemExit(f"{aligned}: not as many marks as pictures")
            for number, (identity, answer) in enumerate(
                zip(row["question_ids"], told, strict=True)
            ):
                yield identity, answer, 0 if number else len(pictures)


def aligned_rows(export: Export, dataset: str) -> Any:
    """The rows of one entry of ``dataset_info.json``, in LLaMA-Factory's own form."""
    from llamafactory.data.loader import _load_single_dataset
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.hparams import DataArguments, ModelArguments
    from transformers import Seq2SeqTrainingArguments

    folder = str(export.folder)
    (entry,) = get_dataset_list([dataset], folder)
    arguments = DataArguments(dataset_dir=folder, media_dir=folder, overwrite_cache=True)
    training = Seq2SeqTrainingArguments(output_dir="unused", use_cpu=True)
    model = ModelArguments(model_name_or_path="unused")
    return _load_single_dataset(entry, model, arguments, training)


def train(export: Export, run_folder: Path) -> None:
    """A few steps on the first split, and on its preferences if it has some."""
    split = export.splits()[0]
    shutil.rmtree(run_folder, ignore_errors=True)  # it trains into no folder that holds anything
    model = run_folder / "tiny"
    make_model(str(model), str(export.folder / f"{split}.jsonl"))
    kinds = {"sft": split}
    if (export.folder / f"{split}-preference.jsonl").exists():
        kinds["dpo"] = f"{split}-preference"
    for stage, dataset in kinds.items():
        text = run(
            [program("llamafactory-cli"), "train", "--stage", stage, "--model_name_or_path",
             str(model), "--dataset_dir", str(export.folder), "--media_dir", str(export.folder),
             "--dataset", dataset, *COMMON, "--output_dir", str(run_folder / stage)],
        )  # fmt: skip
        losses = re.findall(r"'loss': '?([0-9.e-]+)", text)
        if len(losses) != int(STEPS):
            raise SystemExit(f"{stage}: {len(losses)} steps were logged\n{text[-3000:]}")
        what = f"llamafactory-cli train --stage {stage}"
        print(f"{dataset} of {export.folder}: {what}, {STEPS} steps, loss {', '.join(losses)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
