"""Writes what EvalScope reads: questions, pictures, and its task.

Source: https://evalscope.readthedocs.io/en/latest/advanced_guides/custom_dataset/vlm.html and the
code of EvalScope 1.14.1 (``general_vqa``). The folder::

    questions.jsonl   {"messages": [{"role": "user", "content": [
                          {"type": "image_url", "image_url": {"url": "images/0f/0f3c....jpg"}},
                          {"type": "text", "text": "What is this?"}]}],
                       "answer": "a net", "question_ids": ["458752000"]}
    images/           the pictures, as they are stored
    task.json         which server, which model, greedy, scored by ROUGE
    bridge.json       which data and options all this is; written last

EvalScope looks at no more than one answer a question, and its BLEU wants data that is fetched and
counts as 0 without them, so ROUGE alone is asked for. The prompt suffix is the server's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vqadata.errors import OptionError, VqaDataError
from vqatrain.data import Questions, picture_file
from vqatrain.evalscope.config import EvalScopeConfig

BENCHMARK, SUBSET = "general_vqa", "questions"
QUESTIONS, TASK, IDENTITY = f"{SUBSET}.jsonl", "task.json", "bridge.json"
IMAGES, OUTPUTS = "images", "outputs"

FREE = {"out", "run", "metric"}
"""Options on which nothing depends that is written."""


def write_once(config: EvalScopeConfig, questions: Questions, rows: Sequence[int]) -> None:
    """Write the folder, unless it lies there.

    Args:
        config: Which server; which folder.
        questions: The rows.
        rows: Numbers of those that are asked.

    Raises:
        VqaDataError: The folder holds something else, or a picture is missing.
    """
    options = config.model_dump(mode="json", exclude=FREE)
    identity = json.dumps({"data": questions.shards.digest} | options, indent=1) + "\n"
    path = config.out / IDENTITY
    if config.out.exists():
        if not path.is_file() or path.read_text(encoding="utf-8") != identity:
            raise OptionError(
                "--out", f"{config.out} exists, with other data or options", "a new folder",
                "Choose another name, or delete it.",
            )  # fmt: skip
        return
    config.out.mkdir(parents=True)
    with (config.out / QUESTIONS).open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(_line(config.out, questions, row), ensure_ascii=False) + "\n")
    (config.out / TASK).write_text(json.dumps(task(config), indent=1) + "\n", encoding="utf-8")
    path.write_text(identity, encoding="utf-8")


def _line(folder: Path, questions: Questions, row: int) -> dict[str, Any]:
    """A question as EvalScope reads it, its pictures first, as ``vqatrain eval`` asks it."""
    record = questions.table.row(row, named=True)
    where = f"{questions.shards.where}: question {record['question_id']}"
    content: list[dict[str, Any]] = []
    for data in questions.encoded(row):
        url = _put_picture(folder, data, where)
        content.append({"type": "image_url", "image_url": {"url": url}})
    content.append({"type": "text", "text": record["text"]})
    return {
        "messages": [{"role": "user", "content": content}],
        "answer": record["answer"], "question_ids": [record["question_id"]],
    }  # fmt: skip


def _put_picture(folder: Path, data: bytes | None, where: str) -> str:
    """Write a picture unless it is there; its path in the folder.

    Raises:
        VqaDataError: It is missing, or no picture; the message names the question.
    """
    if data is None:
        raise VqaDataError(where, "no picture", "a picture", "Run vqadata clean first.")
    try:
        name = picture_file(data)
    except VqaDataError as error:
        raise VqaDataError(where, error.found, error.expected, error.remedy) from None
    path = folder / IMAGES / name[:2] / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return f"{IMAGES}/{name[:2]}/{name}"


def task(config: EvalScopeConfig) -> dict[str, Any]:
    """EvalScope's ``TaskConfig``; its paths are those of the folder, in which it is started.

    ``use_cache`` names a folder whose answers are not asked for again. EvalScope takes one that is
    new, or that it did not finish, only if answers are also scored again.
    """
    data = {"local_path": ".", "subset_list": [SUBSET], "metric_list": ["Rouge"]}
    return {
        "model": config.model,
        "eval_type": "openai_api",
        "api_url": config.url,
        "api_key": None,
        "datasets": [BENCHMARK],
        "dataset_args": {BENCHMARK: data},
        "generation_config": {"temperature": 0.0, "max_tokens": config.max_new_tokens},
        "eval_batch_size": config.batch_size,
        "use_cache": OUTPUTS,
        "rerun_review": True,
    }
