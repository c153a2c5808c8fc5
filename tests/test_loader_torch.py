"""The loader in torch, torchdata and datasets: the same batches, whatever reads them."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from torch.utils.data import DataLoader

from tests.conftest import VqaFiles
from tests.test_loader import damaged
from vqadata import convert, load
from vqadata.errors import DamageError
from vqadata.loader.loader import Loader
from vqadata.loader.torch_rows import RowBatches, TorchRows
from vqadata.shards.read_options import ReadOptions
from vqadata.sources.coco_vqa import CocoVqa

WORKERS = (0, 1, 2, 4)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loader")
    convert(CocoVqa(**VqaFiles(folder / "raw", questions=23, pictures=7).write()), folder / "out")
    return folder / "out"


def joined(lists: Iterable[list[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(lists))


def numbers(batches: Any) -> list[list[int]]:
    return [[row["row"] for row in batch] for batch in batches]


def pictures(batch: list[dict[str, Any]]) -> list[list[bytes]]:
    return [[image.tobytes() for image in row["images"]] for row in batch]


@pytest.mark.parametrize("images", ["encoded", "rgb"])
def test_workers_give_what_the_loader_gives(shards: Path, images: str) -> None:
    alone = list(load(shards, batch_size=5, images=images, visit=2))
    for workers in (0, 2):
        batches = list(load(shards, batch_size=5, images=images, visit=2).torch(workers))
        assert numbers(batches) == numbers(alone)
        assert [pictures(batch) for batch in batches] == [pictures(batch) for batch in alone]
        assert batches[0][0]["images"][0].shape == alone[0][0]["images"][0].shape
        shared = [len({id(row["images"]) for row in batch}) for batch in batches]
        assert shared == [len({id(row["images"]) for row in batch}) for batch in alone]


@pytest.mark.parametrize("images", ["encoded", "rgb"])
def test_damage_is_noticed_through_workers(shards: Path, tmp_path: Path, images: str) -> None:
    folder = damaged(shards, tmp_path / "damaged")
    with pytest.raises(DamageError, match="batch 0"):
        next(iter(load(folder, images=images).torch(1)))
    reading = ReadOptions(on_damage="skip")
    assert list(load(folder, images=images, batch_size=23, reading=reading).torch(1)) == [[]]


def test_workers_may_be_spawned(shards: Path) -> None:
    spawned = load(shards, batch_size=12).torch(1, multiprocessing_context="spawn")
    assert numbers(spawned) == numbers(load(shards, batch_size=12))


def test_a_collate_function_runs_in_the_worker(shards: Path) -> None:
    assert list(load(shards, batch_size=5).torch(2, collate=len)) == [5, 5, 5, 5, 3]


@pytest.mark.parametrize(("before", "after"), itertools.product(WORKERS, WORKERS))
def test_workers_may_change_at_any_stop(shards: Path, before: int, after: int) -> None:
    """Batches that wait in front of the loader are not counted: the run goes on behind the last."""
    whole = numbers(load(shards, batch_size=4)) * 2
    stop = 1 + (before + 2 * after) % 5
    first, second = load(shards, batch_size=4), load(shards, batch_size=4)
    seen = numbers(itertools.islice(first.torch(before), stop))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert seen + numbers(second.torch(after)) == whole[:6]


@pytest.mark.parametrize(("before", "after"), itertools.product((1, 2, 3, 4), (1, 2, 3, 4)))
def test_ranks_and_workers_may_change_together(shards: Path, before: int, after: int) -> None:
    whole = numbers(load(shards, batch_size=8))

    def run(ranks: int, state: dict[str, Any], stop: int) -> tuple[list[list[int]], dict[str, Any]]:
        parts = []
        for rank in range(ranks):
            loader = load(shards, batch_size=8, rank=rank, ranks=ranks)
            loader.load_state_dict(state)
            parts.append(numbers(itertools.islice(loader.torch(rank % 2), stop)))
        assert len({len(part) for part in parts}) == 1
        return [joined(own) for own in zip(*parts, strict=True)], loader.state_dict()

    for stop in range(1, 3):
        first, state = run(before, load(shards).state_dict(), stop)
        rest, _ = run(after, state, 9)
        assert [
            batch[: len(known)] for batch, known in zip(first + rest, whole, strict=True)
        ] == whole


def test_the_parts_work_in_a_plain_dataloader(shards: Path) -> None:
    loader = load(shards, batch_size=5, images="none")
    plain = DataLoader(TorchRows(loader.reader), batch_sampler=RowBatches(loader), num_workers=2)
    assert [batch["row"].tolist() for batch in plain] == numbers(load(shards, batch_size=5))
    assert len(plain) == 5
    assert TorchRows(loader.reader)[~3] == {**TorchRows(loader.reader)[3], "padding": True}


@pytest.mark.parametrize("workers", [0, 2])
def test_stateful_dataloader_resumes_without_reading_again(shards: Path, workers: int) -> None:
    from torchdata.stateful_dataloader import StatefulDataLoader

    def stateful() -> Any:
        loader = load(shards, batch_size=4)
        return StatefulDataLoader(
            TorchRows(loader.reader), batch_sampler=RowBatches(loader), num_workers=workers,
            collate_fn=list,
        )  # fmt: skip

    whole, first, second = numbers(load(shards, batch_size=4)), stateful(), stateful()
    seen = numbers(itertools.islice(first, 2))
    second.load_state_dict(first.state_dict())
    assert seen + numbers(second) == whole


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_datasets_gives_the_same_batches(shards: Path, workers: int) -> None:
    loader = load(shards, batch_size=4, columns=["text", "answers.answer"])
    rows = loader.hugging_face(parts=max(1, workers))
    batches = list(DataLoader(rows, batch_size=4, num_workers=workers, collate_fn=list))
    assert numbers(batches) == numbers(load(shards, batch_size=4))
    assert batches[0][0]["images"][0].size[1] == 12
    assert batches[0][0]["answers.answer"] == ["yes"] * 10


RANK = """
import os, sys, json, torch.distributed as dist
from vqadata import load
dist.init_process_group("gloo")
rank, ranks = dist.get_rank(), dist.get_world_size()
for last in ("short", "pad", "drop"):
    loader = load(sys.argv[1], batch_size=4, last=last, rank=rank, ranks=ranks)
    seen = []
    for batch in loader.torch(1):
        together = [None] * ranks
        dist.all_gather_object(together, [(row["row"], row["padding"]) for row in batch])
        seen.append(together)
    if rank == 0:
        print(json.dumps([last, seen]))
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_ranks_of_torchrun_take_equal_steps_and_all_rows(shards: Path, tmp_path: Path) -> None:
    """Each step of one rank waits for the other: with unequal steps this would hang."""
    program = tmp_path / "rank.py"
    program.write_text(RANK)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    done = subprocess.run(
        [*command, str(program), str(shards)], capture_output=True, text=True, timeout=120,
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": "", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    for last, seen in map(json.loads, done.stdout.splitlines()):
        alone = numbers(load(shards, batch_size=4, last=last if last == "drop" else "short"))
        real = [[row for own in step for row, padding in own if not padding] for step in seen]
        assert real == alone
        assert all(own for step in seen for own in step)


def test_a_loader_leaves_the_global_generator_alone(shards: Path) -> None:
    import torch

    before = torch.random.get_rng_state()
    loader: Loader = load(shards)
    list(loader.torch(1))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.slow
def test_the_trainer_of_transformers_resumes_to_the_bit(shards: Path, tmp_path: Path) -> None:
    import torch

    from vqatrain.models import torchvision_cpu

    torchvision_cpu.prepare()
    from transformers import Trainer, TrainingArguments

    from vqadata.loader.hugging_face_trainer import FromLoader

    class OurTrainer(FromLoader, Trainer):
        pass

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.layer, self.dropout = torch.nn.Linear(4, 1), torch.nn.Dropout(0.5)

        def forward(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"loss": self.layer(self.dropout(rows)).pow(2).mean()}

    def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return {"rows": torch.tensor([[row["row"], 1.0, 2.0, 3.0] for row in rows])}

    def train(name: str, resume: str | None = None) -> list[float]:
        arguments = TrainingArguments(
            str(tmp_path / name), max_steps=7, save_steps=2, logging_steps=1, use_cpu=True, seed=1,
            gradient_accumulation_steps=2, report_to=[], disable_tqdm=True, save_only_model=False,
            remove_unused_columns=False, learning_rate=0.01,
        )  # fmt: skip
        trainer = OurTrainer(Model(), arguments, data_collator=collate)
        trainer.read_from(load(shards, batch_size=4, images="none"), workers=1)
        trainer.train(resume_from_checkpoint=resume)
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

    straight = train("straight")
    assert len(set(straight)) == 7
    # The epoch has six batches: the fourth step is the first one of the second epoch's middle.
    assert train("resumed", str(tmp_path / "straight" / "checkpoint-4")) == straight
