"""Memory and speed of Qwen2.5-VL-7B on one GPU, beside a plain script over TRL.

    python -m benchmarks.gpu_memory              # a GPU with 40 GB or more, 20 GB of disk; minutes
    python -m benchmarks.gpu_memory --shape tiny # the same code on a CPU; its figures mean nothing

The model has the real shape and random weights, which cost the same memory and time. Both sides
train on the same rows, see the same pictures and adapt the same layers. Each contender runs in a
process of its own; peak memory is what torch allocated (on a CPU, the resident set). Tokens are
those of the first step on, without padding, counted by the same callback on both sides.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

QLORA: dict[str, Any] = {"tuning": "qlora"}
OURS: dict[str, dict[str, Any]] = {
    "LoRA, bf16": {"tuning": "lora"},
    "QLoRA, vision tower as it is": QLORA,
    "QLoRA, vision tower in four bits": QLORA | {"quantise": ["language", "vision"]},
    "QLoRA, packed": QLORA | {"batching": "packed"},
    "QLoRA, packed, Liger": QLORA | {"batching": "packed", "liger": True},
    "LoRA, bf16, Liger": {"tuning": "lora", "liger": True},
}
"""Options of each contender of ours."""

TRL = {"plain TRL, LoRA, bf16": False, "plain TRL, QLoRA": True}
"""Contenders of a plain script: whether linear layers are in four bits, by its default all."""

COMMON: dict[str, Any] = {
    "batch_size": 2, "gradient_checkpointing": True, "lora_dropout": 0.0, "warmup_steps": 1,
    "logging_steps": 1, "report_to": "none",
}  # fmt: skip

SHAPES: dict[str, dict[str, Any]] = {
    "7b": {
        "text": {
            "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
            "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064,
            "sections": [16, 24, 24],
        },
        "vision": {
            "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
            "out_hidden_size": 3584, "fullatt_block_indexes": [7, 15, 23, 31],
        },
        "picture": (1024, 768),
    },
    "tiny": {
        "text": {
            "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 1024,
            "sections": [4, 6, 6],
        },
        "vision": {
            "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2,
            "out_hidden_size": 64, "fullatt_block_indexes": [1],
        },
        "picture": (168, 112),
    },
}  # fmt: skip
"""As in the configuration of Qwen/Qwen2.5-VL-7B-Instruct, and much smaller."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=sorted(SHAPES), default="7b")
    parser.add_argument("--out", type=Path, default=Path(".gpu-memory"))
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--one", choices=[*OURS, *TRL], help="one contender, in this process")
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(chosen.one, chosen.out, chosen.steps)))
        return
    chosen.out.mkdir(parents=True, exist_ok=True)
    make_shards(chosen.out, SHAPES[chosen.shape]["picture"])
    if not (chosen.out / "base" / "config.json").is_file():
        make_model(chosen.out / "base", SHAPES[chosen.shape])
    print("| | peak GB | tokens/s | loss |\n| --- | ---: | ---: | ---: |")
    for name in (*OURS, *TRL):
        print(row(name, chosen), flush=True)


def row(name: str, chosen: argparse.Namespace) -> str:
    """A line of the table; a contender that fails says why."""
    command = [sys.executable, "-m", "benchmarks.gpu_memory", "--one", name, "--shape",
               chosen.shape, "--out", str(chosen.out), "--steps", str(chosen.steps)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no word"]
        return f"| {name} | not measured: {lines[-1][:150]} | | |"
    found = json.loads(done.stdout.splitlines()[-1])
    return f"| {name} | {found['gb']:.2f} | {found['tokens']:,.0f} | {found['loss']:.4f} |"


def make_shards(out: Path, size: tuple[int, int], rows: int = 64) -> None:
    """Rows with one picture of noise and answers of a few words; the same on every call."""
    from vqadata import OutputOptions, convert
    from vqadata.sources.coco_vqa import CocoVqa

    (out / "images").mkdir(exist_ok=True)
    noise = np.random.default_rng(0)
    questions, annotations = [], []
    for number in range(rows):
        pixels = noise.integers(0, 256, (size[1], size[0], 3), np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG")
        (out / "images" / f"{number:012d}.jpg").write_bytes(buffer.getvalue())
        asked = "Which of the things in the picture is " + "really " * (number % 8) + "near?"
        questions.append({"question_id": number, "image_id": number, "question": asked})
        said = [{"answer": "the second " * (number % 5 + 1), "answer_id": 1}]
        annotations.append({"question_id": number, "answers": said})
    (out / "q.json").write_text(json.dumps({"questions": questions}))
    (out / "a.json").write_text(json.dumps({"annotations": annotations}))
    source = CocoVqa(
        questions=out / "q.json", annotations=out / "a.json", image_root=[out / "images"],
        image_name="{image_id:0>12}.jpg",
    )  # fmt: skip
    convert(source, out / "shards", OutputOptions(overwrite=True))


def make_model(folder: Path, shape: dict[str, Any]) -> None:
    """Random weights in bf16, with the real processor and a small tokenizer."""
    from vqatrain.models import model as models

    models.prepare_libraries()
    import torch
    from transformers import AutoModelForImageTextToText, Qwen2_5_VLConfig

    from vqatrain.families import _qwen
    from vqatrain.models import tiny
    from vqatrain.models.family import Loaded, family_named
    from vqatrain.models.tokenizer import learn_tokenizer

    family = family_named("qwen2_5_vl")
    tokenizer = learn_tokenizer(["What?"], family.special_tokens, **family.token_roles)
    text = dict(shape["text"])
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": text.pop("sections")}
    config = Qwen2_5_VLConfig(
        text_config=text | {"rope_parameters": rope, **tiny.roles(tokenizer)},
        vision_config=shape["vision"],
        **tiny.roles(tokenizer),
        **tiny.ids(tokenizer, **_qwen.TOKENS),
    )
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        torch.set_default_dtype(torch.bfloat16)
        model = AutoModelForImageTextToText.from_config(config)
        torch.set_default_dtype(torch.float32)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    models.save(Loaded(model, _processor(tokenizer, family.chat_template)), folder)


def _processor(tokenizer: Any, template: str) -> Any:
    from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    size = {"shortest_edge": 56 * 56, "longest_edge": 1280 * 28 * 28}
    images, videos = Qwen2VLImageProcessor(size=size), Qwen2VLVideoProcessor(size=size)
    return Qwen2_5_VLProcessor(images, tokenizer, videos, chat_template=template)


def measure(name: str, out: Path, steps: int) -> dict[str, float]:
    """Run one contender, and say what it took."""
    import shutil

    import torch

    folder = out / "runs" / name.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    (with_trl if name in TRL else with_ours)(name, out, folder, steps)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    logged = [line for line in lines if "loss" in line]
    speeds = [line["tokens_per_second"] for line in logged[2:] or logged]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated()
    # A harmonic mean: the steps have about the same number of tokens each.
    tokens = len(speeds) / sum(1 / speed for speed in speeds)
    return {"gb": peak / 1e9, "tokens": tokens, "loss": logged[-1]["loss"]}


def with_ours(name: str, out: Path, folder: Path, steps: int) -> None:
    """As a user would: ``vqatrain run``."""
    import vqatrain

    given = {"shards": out / "shards", "model": str(out / "base"), "out": folder}
    vqatrain.run(vqatrain.TrainConfig(**given, **COMMON, max_steps=steps, **OURS[name]))


def with_trl(name: str, out: Path, folder: Path, steps: int) -> None:
    """As the examples of TRL do it: the library's collator, all logits, its way to four bits."""
    from vqatrain.models import model as models

    models.prepare_libraries()  # torchvision on a CPU
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig
    from trl import SFTConfig, SFTTrainer

    from vqatrain.models.family import family_named
    from vqatrain.training.progress import Progress

    four_bit = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )  # fmt: skip
    model = AutoModelForImageTextToText.from_pretrained(
        out / "base",
        dtype=torch.bfloat16,
        **({"quantization_config": four_bit} if TRL[name] else {}),
    )
    folder.mkdir(parents=True)
    targets = family_named("qwen2_5_vl").lora_targets()
    trainer = SFTTrainer(
        model,
        args=SFTConfig(
            output_dir=str(folder), max_steps=steps, logging_steps=1, report_to="none",
            per_device_train_batch_size=COMMON["batch_size"], gradient_checkpointing=True,
            bf16=torch.cuda.is_available(), use_cpu=not torch.cuda.is_available(), max_length=None,
            save_strategy="no", include_num_input_tokens_seen="non_padding", disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(_rows(out)),
        processing_class=AutoProcessor.from_pretrained(out / "base"),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules=targets, task_type="CAUSAL_LM"),
    )  # fmt: skip
    trainer.callback_handler.callbacks.insert(0, Progress(folder / "log.jsonl"))
    trainer.train()


def _rows(out: Path) -> list[dict[str, Any]]:
    """The same rows in the form that TRL wants."""
    from vqatrain.config import DataOptions
    from vqatrain.data import Questions

    questions = Questions(DataOptions(shards=out / "shards"))
    examples = [questions.example(row) for row in range(len(questions))]

    def say(role: str, text: str | None) -> list[dict[str, str]]:
        return [{"role": role, "content": text or ""}]

    return [
        {"images": one.pictures, "prompt": say("user", one.question),
         "completion": say("assistant", one.answer)}
        for one in examples
    ]  # fmt: skip


if __name__ == "__main__":
    main()
