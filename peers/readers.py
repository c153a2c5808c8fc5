"""Read the exports with datasets, webdataset and mlcroissant, and train on one with TRL.

PYTHONPATH=.:peers/path .peers/readers/bin/python -m peers.readers OUT
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from peers.expected import Export, check, exports
from peers.tiny_model import main as make_model

STEPS = 3


def main(out: str) -> None:
    """Read every data set in every format, then train."""
    kinds = {
        "huggingface": huggingface, "trl": trl, "webdataset": webdataset, "croissant": croissant,
    }  # fmt: skip
    for name, read in kinds.items():
        for export in exports(out, name):
            check(export, read(export))
    for export in exports(out, "trl"):
        train(export, Path(out) / "runs" / f"trl-{export.folder.parent.name}")


def huggingface(export: Export) -> Iterator[tuple[str, str, int]]:
    """Each row that datasets gives, with its pictures decoded."""
    from datasets import load_dataset

    for rows in load_dataset(str(export.folder)).values():
        for row in rows:
            pictures = [row["image"]] * (row["image"] is not None) + row["more_images"]
            for picture in pictures:
                picture.load()
            yield row["question_id"], row["answer"], len(pictures)


def trl(export: Export) -> Iterator[tuple[str, str, int]]:
    """Each row that datasets gives, its pictures put in by TRL."""
    from datasets import load_dataset
    from trl.data_utils import prepare_multimodal_messages

    for rows in load_dataset(str(export.folder)).values():
        for row in rows:
            prepare_multimodal_messages(row["prompt"], images=row["images"])
            (part,) = row["completion"][0]["content"]
            yield row["question_id"], part["text"], len(row["images"])


def webdataset(export: Export) -> Iterator[tuple[str, str, int]]:
    """Each sample that webdataset gives, with its pictures decoded."""
    import webdataset as wds

    tars = sorted(map(str, export.folder.glob("*.tar")))
    for sample in wds.WebDataset(tars, shardshuffle=False).decode("pil"):
        pictures = [v for k, v in sample.items() if k != "json" and not k.startswith("__")]
        yield sample["json"]["question_id"], sample["json"]["answer"], len(pictures)


def croissant(export: Export) -> Iterator[tuple[str, str, int]]:
    """Each record that mlcroissant gives, with its pictures opened."""
    import mlcroissant

    data = mlcroissant.Dataset(str(export.folder / "croissant.json"))
    for row in data.records("questions"):
        answer = row["questions/answer"]
        picture = row["questions/image"]
        if picture is not None:
            picture.load()
        yield (
            row["questions/question_id"].decode(),
            None if answer is None else answer.decode(),
            (picture is not None) + len(row["questions/more_images"]),
        )


def train(export: Export, run_folder: Path) -> None:
    """A few steps of SFT, and of DPO where there are preferences."""
    from datasets import get_dataset_config_names, load_dataset
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    model = run_folder / "tiny"
    make_model(str(model), str(export.folder.parent / "ms-swift" / f"{export.splits()[0]}.jsonl"))
    trainers = {"default": (SFTTrainer, SFTConfig), "preference": (DPOTrainer, DPOConfig)}
    for name in get_dataset_config_names(str(export.folder)):
        trainer, config = trainers[name]
        rows = load_dataset(str(export.folder), name, split=export.splits()[0])
        settings = config(
            output_dir=str(run_folder / name), max_steps=STEPS, per_device_train_batch_size=2,
            use_cpu=True, bf16=False, report_to=[], logging_steps=1, save_strategy="no",
            max_length=None, remove_unused_columns=False,
        )  # fmt: skip
        working = trainer(
            model=AutoModelForImageTextToText.from_pretrained(model),
            processing_class=AutoProcessor.from_pretrained(model),
            train_dataset=rows.remove_columns("question_id"),
            args=settings,
        )
        working.train()
        losses = [f"{log['loss']:.3f}" for log in working.state.log_history if "loss" in log]
        print(
            f"{export.folder} {name}: {trainer.__name__}, {STEPS} steps, loss {', '.join(losses)}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
