"""One measurement of the benchmark of the loader, in a process of its own.

    python -m benchmarks.loader_task CONTENDER TASK --raw DIR --folder DIR --pictures N [--grouped]

Prints its figures as JSON. Only the contender is imported, so it runs wherever that one is
installed. Each picture that is handed out is hashed, so that nobody is fast by not touching it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.loader_data import QUESTIONS_EACH

OURS = "vqadata"
LIMIT = "read() of files"
COLUMNS = ["text", "answers.answer"]
SIZE = 448
WARM = 160
"""Pictures before the clock starts where few are decoded: by then a shuffled reader has met most
record batches, and the check of all of them is not laid to a fiftieth of their rows."""


def cpu() -> float:
    """CPU seconds of this process and of the workers that ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return sum(one.ru_utime + one.ru_stime for one in used)


def ours(folder: Path, shuffled: bool, grouped: bool) -> Iterator[tuple[Any, list[Any]]]:
    """Our rows in the form of :mod:`benchmarks.loader_peers`."""
    return (row for batch in our_loader(folder, shuffled, grouped) for row in our_rows(batch))


def our_loader(folder: Path, shuffled: bool, grouped: bool, **more: Any) -> Any:
    """Batches of 32 rows, or of eight pictures with their five questions."""
    from vqadata.loader.loader import load

    order = {"shuffle": "global" if shuffled else "none", "visit": int(not grouped)}
    size = 8 * QUESTIONS_EACH if grouped else 32
    return load(folder, columns=COLUMNS, **{"batch_size": size, **order, **more})


def our_rows(batch: list[dict[str, Any]]) -> Iterator[tuple[Any, list[Any]]]:
    """(picture, questions): those of one picture that follow each other belong together."""
    images, asked = None, []
    for row in batch:
        if row["images"] is not images:
            if images is not None:
                yield images[0], asked
            images, asked = row["images"], []
        asked.append(row)
    if images is not None:
        yield images[0], asked


def limit_read(raw: Path) -> Iterator[tuple[Any, list[Any]]]:
    """read() of the bare files, five questions each."""
    for path in sorted((raw / "images").iterdir()):
        yield path.read_bytes(), [None] * 5


def rows_of(chosen: argparse.Namespace, shuffled: bool) -> Iterator[tuple[Any, list[Any]]]:
    if chosen.contender == LIMIT:
        return limit_read(chosen.raw)
    if chosen.contender == OURS:
        return ours(chosen.folder, shuffled, chosen.grouped)
    from benchmarks.loader_peers import PEERS

    return PEERS[chosen.contender].read(chosen.folder, shuffled)


def consume(rows: Iterable[tuple[Any, list[Any]]], most: int = 1 << 60) -> int:
    """Hash each picture; count the questions."""
    import xxhash

    questions = mixed = 0
    for picture, asked in rows:
        mixed ^= xxhash.xxh3_64_intdigest(picture)
        questions += len(asked)
        if questions >= most:
            break
    return questions


def private_mb() -> float:
    """Memory of the process that is no file's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def read(chosen: argparse.Namespace, shuffled: bool) -> dict[str, float]:
    """An epoch behind its first row: imports and opening are told by the task ``first``."""
    rows = rows_of(chosen, shuffled)
    next(rows)
    if chosen.contender == OURS:
        rows = rows_of(chosen, shuffled)  # Its first batch holds more rows than one.
    start, clock = cpu(), time.perf_counter()
    questions = consume(rows)
    used = cpu() - start
    return {
        "questions": questions, "cpu": used, "per_cpu_second": questions / used,
        "wall": time.perf_counter() - clock, "private_mb": private_mb(),
    }  # fmt: skip


def cold(chosen: argparse.Namespace) -> dict[str, float]:
    """An epoch in shuffled order after the system has forgotten the files; the clock counts."""
    data = chosen.raw / "images" if chosen.contender == LIMIT else chosen.folder
    for path in (path for path in data.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    import_all()
    clock = time.perf_counter()
    questions = consume(rows_of(chosen, True))
    return {"per_second": questions / (time.perf_counter() - clock)}


def first(chosen: argparse.Namespace) -> dict[str, float]:
    """From the library's import to the first sample."""
    start, clock = cpu(), time.perf_counter()
    picture, _ = next(rows_of(chosen, True))
    len(picture)
    return {"wall": time.perf_counter() - clock, "cpu": cpu() - start}


def write(chosen: argparse.Namespace) -> dict[str, float]:
    start = cpu()
    if chosen.contender == OURS:
        write_ours(chosen.raw, chosen.folder)
    else:
        from benchmarks.loader_peers import PEERS

        arguments = chosen.raw, chosen.pictures, chosen.grouped, chosen.folder
        PEERS[chosen.contender].write(*arguments)
    used = cpu() - start
    size = sum(path.stat().st_size for path in chosen.folder.rglob("*") if path.is_file())
    return {"cpu": used, "per_cpu_second": 5 * chosen.pictures / used, "mb": size / 1e6}


def write_ours(raw: Path, folder: Path) -> None:
    """Convert the official files: joins, checks and digests included."""
    from vqadata import convert
    from vqadata.sources.coco_vqa import CocoVqa

    questions, annotations = raw / "questions.json", raw / "annotations.json"
    source = CocoVqa(questions=questions, annotations=annotations, image_root=[raw / "images"])
    convert(source, folder)


def by_pillow(data: Any) -> Any:
    """What users do with encoded bytes."""
    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(data)).convert("RGB")
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def decode(chosen: argparse.Namespace) -> dict[str, float]:
    """Decode and resize some pictures behind the first ones, in this process."""
    if chosen.contender == "pure decode and resize":
        rows = pure(chosen.raw, WARM + chosen.pictures)
    elif chosen.contender == OURS:
        options = {"images": "rgb", "size": SIZE, "resize": "fast"}
        batches = our_loader(chosen.folder, True, chosen.grouped, **options)
        rows = (row for batch in batches for row in our_rows(batch))
    else:
        rows = ((by_pillow(data), asked) for data, asked in rows_of(chosen, True))
    import_all()
    for _ in islice(rows, WARM):
        pass
    start, pictures = cpu(), 0
    for pixels, _ in rows:
        assert_shape(pixels)
        pictures += 1
        if pictures == chosen.pictures:
            break
    return {"per_cpu_second": pictures / (cpu() - start)}


def pure(raw: Path, count: int) -> Iterator[tuple[Any, list[Any]]]:
    """Decode and resize alone: the bytes lie in memory."""
    import simplejpeg
    import torch

    paths = sorted((raw / "images").iterdir())[:count]
    held = [path.read_bytes() for path in paths]
    for data in held:
        planes = torch.from_numpy(simplejpeg.decode_jpeg(data))[None].permute(0, 3, 1, 2)
        small = torch.nn.functional.interpolate(
            planes, (SIZE, SIZE), mode="bicubic", antialias=True, align_corners=False
        )
        yield small[0].permute(1, 2, 0).numpy(), []


def import_all() -> None:
    """What decoding needs, so that its import is not measured."""
    import PIL.Image
    import torch

    torch.set_num_threads(1)
    PIL.Image.init()


def assert_shape(pixels: Any) -> None:
    if pixels.shape != (SIZE, SIZE, 3):
        sys.exit(f"pixels of shape {pixels.shape}")


def same(data: Any) -> Any:
    return data


def torch_batches(chosen: argparse.Namespace, pixels: bool) -> Any:
    """Batches of 32 by two workers of a torch DataLoader, shuffled.

    A row of those that store by picture has five questions; so a batch of ours has as many.
    """
    if chosen.contender == OURS:
        options: dict[str, Any] = (
            {"images": "rgb", "size": SIZE, "resize": "fast"} if pixels else {}
        )
        options["batch_size"] = 32 * QUESTIONS_EACH if chosen.grouped else 32
        loader = our_loader(chosen.folder, True, chosen.grouped, **options)
        return map(our_rows, loader.torch(2))
    from benchmarks.loader_peers import PEERS

    open_it = PEERS[chosen.contender].torch
    return open_it(chosen.folder, by_pillow if pixels else same) if open_it else None


def torch_task(chosen: argparse.Namespace, pixels: bool) -> dict[str, float]:
    """The cost of all processes, from the start of the workers to their end."""
    import_all()
    batches = torch_batches(chosen, pixels)
    start, clock = cpu(), time.perf_counter()
    if batches is None:
        return {}
    rows = (row for batch in batches for row in batch)
    questions = consume(rows, chosen.most)
    wall = time.perf_counter() - clock
    del batches, rows
    return {"per_cpu_second": questions / (cpu() - start), "wall": questions / wall}


def resume(_: argparse.Namespace) -> dict[str, float]:
    """To the first batch behind the middle of ten million rows, ours alone."""
    import numpy as np

    from vqadata.loader.order import Shuffled, TwoLevel, Visits
    from vqadata.loader.plan import Plan

    rows, found = 10_000_000, {}
    orders: dict[str, Callable[[], Any]] = {
        "global": lambda: Shuffled(rows, 1),
        "two-level": lambda: TwoLevel(np.arange(0, rows + 1, 4000), 8, 1),
        "visits": lambda: Visits(Shuffled(rows // 5, 1), np.arange(0, rows + 1, 5)),
    }
    for name, order in orders.items():
        start = cpu()
        next(Plan(order(), 256).shares(rows // 2))
        found[name] = cpu() - start
    return found


def memory(chosen: argparse.Namespace) -> dict[str, float]:
    """Private memory after each of ten epochs."""
    loader = our_loader(chosen.folder, True, False)
    found = {}
    for epoch in range(10):
        consume(row for batch in loader for row in our_rows(batch))
        found[f"epoch {epoch}"] = private_mb()
    return found


TASKS: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "write": write,
    "sequential": partial(read, shuffled=False),
    "shuffled": partial(read, shuffled=True),
    "cold": cold,
    "first": first,
    "decode": decode,
    "torch": partial(torch_task, pixels=False),
    "torch decode": partial(torch_task, pixels=True),
    "resume": resume,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender")
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--pictures", type=int, required=True)
    parser.add_argument("--grouped", action="store_true")
    parser.add_argument("--most", type=int, default=1 << 60, help="questions through torch")
    chosen = parser.parse_args()
    print(json.dumps(TASKS[chosen.task](chosen)), flush=True)


if __name__ == "__main__":
    main()
