"""How each library writes and reads the data set of the benchmark of the loader.

A reader gives (picture, questions): the encoded bytes, and the questions asked about them, each
with its text and its ten answers. ``grouped`` rows hold a picture with its five questions, the
others one question each with a copy of the picture.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from benchmarks.loader_data import QUESTIONS_EACH, questions

SHARD = 64 << 20

Asked: TypeAlias = list[dict[str, Any]]


def samples(raw: Path, count: int, grouped: bool) -> Iterator[tuple[bytes, Asked]]:
    """What there is to write, read from the raw files."""
    asked = questions(count)
    for number in range(count):
        path = raw / "images" / f"COCO_train2014_{number:012d}.jpg"
        data, own = path.read_bytes(), [next(asked) for _ in range(QUESTIONS_EACH)]
        short = [{"question": one["question"], "answers": one["answers"]} for one in own]
        yield from [(data, short)] if grouped else ((data, [one]) for one in short)


class Peer(NamedTuple):
    """One way to store and to read."""

    write: Callable[[Path, int, bool, Path], None]
    """raw files, pictures, grouped, folder"""
    read: Callable[[Path, bool], Iterator[tuple[Any, Asked]]]
    """folder, shuffled"""
    torch: Callable[[Path, Callable[[Any], Any]], Any] | None = None
    """folder, what becomes of a row in the worker: batches of 32 by two workers, shuffled"""


def row_of(sample: dict[str, Any]) -> tuple[Any, Asked]:
    return sample["image"], sample["qas"]


def write_webdataset(raw: Path, count: int, grouped: bool, folder: Path) -> None:
    import webdataset

    folder.mkdir()
    with webdataset.ShardWriter(f"file:{folder}/%05d.tar", maxsize=SHARD, verbose=0) as writer:
        for number, (data, asked) in enumerate(samples(raw, count, grouped)):
            writer.write({"__key__": f"{number:08d}", "jpg": data, "json": asked})


def webdataset_pipe(folder: Path, shuffled: bool) -> Any:
    import webdataset

    urls = sorted(map(str, folder.glob("*.tar")))
    pipe = webdataset.WebDataset(urls, shardshuffle=len(urls) if shuffled else False, seed=1)
    return (pipe.shuffle(1000) if shuffled else pipe).map(from_tar)


def from_tar(sample: dict[str, Any]) -> dict[str, Any]:
    return {"image": sample["jpg"], "qas": json.loads(sample["json"])}


def read_webdataset(folder: Path, shuffled: bool) -> Iterator[tuple[Any, Asked]]:
    return map(row_of, webdataset_pipe(folder, shuffled))


def torch_iterable(open_it: Callable[[Path, bool], Any], folder: Path, use: Any) -> Any:
    from torch.utils.data import DataLoader

    return DataLoader(
        open_it(folder, True), batch_size=32, num_workers=2, collate_fn=partial(used, use)
    )


def used(use: Callable[[Any], Any], rows: list[dict[str, Any]]) -> list[tuple[Any, Asked]]:
    return [(use(row["image"]), row["qas"]) for row in rows]


def write_mosaic(raw: Path, count: int, grouped: bool, folder: Path) -> None:
    from streaming import MDSWriter

    columns = {"image": "bytes", "qas": "json"}
    with MDSWriter(out=str(folder), columns=columns, size_limit=SHARD) as writer:
        for data, asked in samples(raw, count, grouped):
            writer.write({"image": data, "qas": asked})


def mosaic(folder: Path, shuffled: bool) -> Any:
    from streaming import StreamingDataset
    from streaming.base.util import clean_stale_shared_memory

    clean_stale_shared_memory()
    return StreamingDataset(local=str(folder), shuffle=shuffled, batch_size=32)


def read_mosaic(folder: Path, shuffled: bool) -> Iterator[tuple[Any, Asked]]:
    return map(row_of, mosaic(folder, shuffled))


def litdata_rows(part: tuple[str, int, int, bool]) -> Iterator[dict[str, Any]]:
    raw, _, count, grouped = part
    for data, asked in samples(Path(raw), count, grouped):
        yield {"image": data, "qas": asked}


def write_litdata(raw: Path, count: int, grouped: bool, folder: Path) -> None:
    import litdata

    parts = [(str(raw), 0, count, grouped)]
    litdata.optimize(
        litdata_rows,
        parts,
        output_dir=str(folder),
        chunk_bytes="64MB",
        num_workers=1,
        verbose=False,
    )


def lit(folder: Path, shuffled: bool) -> Any:
    import litdata

    return litdata.StreamingDataset(str(folder), shuffle=shuffled)


def read_litdata(folder: Path, shuffled: bool) -> Iterator[tuple[Any, Asked]]:
    return map(row_of, lit(folder, shuffled))


def torch_litdata(folder: Path, use: Any) -> Any:
    import litdata

    return litdata.StreamingDataLoader(
        lit(folder, True), batch_size=32, num_workers=2, collate_fn=partial(used, use)
    )


def hf_rows(raw: str, count: int, grouped: bool) -> Iterator[dict[str, Any]]:
    for data, asked in samples(Path(raw), count, grouped):
        yield {"image": data, "qas": asked}


def write_datasets(raw: Path, count: int, grouped: bool, folder: Path) -> None:
    import datasets

    qas = {"question": datasets.Value("string"), "answers": datasets.List(datasets.Value("string"))}
    rows = datasets.Dataset.from_generator(
        hf_rows,
        features=datasets.Features({"image": datasets.Value("binary"), "qas": datasets.List(qas)}),
        gen_kwargs={"raw": str(raw), "count": count, "grouped": grouped},
        cache_dir=str(folder.parent / "hf_cache"),
    )
    rows.save_to_disk(str(folder), max_shard_size="64MB")


def read_datasets_map(folder: Path, shuffled: bool) -> Iterator[tuple[Any, Asked]]:
    import datasets

    rows = datasets.load_from_disk(str(folder))
    order = list(range(len(rows)))
    if shuffled:
        random.Random(1).shuffle(order)
    return (row_of(rows[number]) for number in order)


def torch_datasets_map(folder: Path, use: Any) -> Any:
    import datasets
    from torch.utils.data import DataLoader

    rows = datasets.load_from_disk(str(folder))
    return DataLoader(
        rows, batch_size=32, shuffle=True, num_workers=2, collate_fn=partial(used, use)
    )


def datasets_iterable(folder: Path, shuffled: bool) -> Any:
    import datasets

    rows = datasets.load_from_disk(str(folder)).to_iterable_dataset(num_shards=8)
    return rows.shuffle(seed=1, buffer_size=1000) if shuffled else rows


def read_datasets_iterable(folder: Path, shuffled: bool) -> Iterator[tuple[Any, Asked]]:
    return map(row_of, datasets_iterable(folder, shuffled))


def write_lance(raw: Path, count: int, grouped: bool, folder: Path) -> None:
    import lance
    import pyarrow as pa

    qas = pa.list_(pa.struct([("question", pa.string()), ("answers", pa.list_(pa.string()))]))
    schema = pa.schema([("image", pa.large_binary()), ("qas", qas)])

    def batches() -> Iterator[pa.RecordBatch]:
        rows: list[dict[str, Any]] = []
        for data, asked in samples(raw, count, grouped):
            rows.append({"image": data, "qas": asked})
            if len(rows) == 64:
                yield pa.RecordBatch.from_pylist(rows, schema)
                rows = []
        if rows:
            yield pa.RecordBatch.from_pylist(rows, schema)

    lance.write_dataset(pa.RecordBatchReader.from_batches(schema, batches()), str(folder))


def read_lance(folder: Path, shuffled: bool) -> Iterator[tuple[Any, Asked]]:
    import lance

    rows = lance.dataset(str(folder))
    if not shuffled:
        for batch in rows.to_batches(batch_size=64):
            yield from map(row_of, batch.to_pylist())
        return
    order = list(range(rows.count_rows()))
    random.Random(1).shuffle(order)
    for start in range(0, len(order), 64):
        yield from map(row_of, rows.take(order[start : start + 64]).to_pylist())


def torch_lance(folder: Path, use: Any) -> Any:
    """By processes that are spawned, as Lance asks for."""
    from lance.torch.data import SafeLanceDataset, get_safe_loader

    return get_safe_loader(
        SafeLanceDataset(str(folder)),
        batch_size=32,
        num_workers=2,
        shuffle=True,
        collate_fn=partial(used, use),
    )


PEERS = {
    "webdataset": Peer(write_webdataset, read_webdataset, partial(torch_iterable, webdataset_pipe)),
    "mosaicml-streaming": Peer(write_mosaic, read_mosaic, partial(torch_iterable, mosaic)),
    "litdata": Peer(write_litdata, read_litdata, torch_litdata),
    "datasets, map": Peer(write_datasets, read_datasets_map, torch_datasets_map),
    "datasets, iterable": Peer(
        write_datasets, read_datasets_iterable, partial(torch_iterable, datasets_iterable)
    ),
    "lance": Peer(write_lance, read_lance, torch_lance),
}
