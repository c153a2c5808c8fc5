"""Read the export with Megatron-Energon: all samples of all parts, and its own check.

.peers/energon/bin/python -m peers.energon OUT
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from peers.expected import Export, check, exports, program, run


def main(out: str) -> None:
    """Read every data set."""
    for export in exports(out, "energon"):
        parts = parts_of(export.folder)
        check(export, (sample for part in parts for sample in read(export, part)))
        run([program("energon"), "lint", str(export.folder), "--split-parts", ",".join(parts)])
        print(f"{export.folder}: energon lint finds no fault in {', '.join(parts)}")


def parts_of(folder: Path) -> list[str]:
    """The parts that hold tar files."""
    import yaml

    splits = yaml.safe_load((folder / ".nv-meta" / "split.yaml").read_text())["split_parts"]
    return [part for part, files in splits.items() if files]


def read(export: Export, part: str) -> Iterator[tuple[str, str, int]]:
    """Each sample of one part; its answers are those of the shards, the chosen one among them."""
    from megatron.energon import WorkerConfig, get_loader, get_val_dataset

    workers = WorkerConfig(rank=0, world_size=1, num_workers=0)
    dataset = get_val_dataset(
        str(export.folder), batch_size=1, worker_config=workers, split_part=part
    )
    ids = sample_ids(export.folder)
    for batch in get_loader(dataset):
        identity = ids[batch.__key__[0].rpartition("/")[2]]
        expected = export.questions[identity]
        if batch.context[0] != expected["text"] or batch.image.ndim != len("BCHW"):
            raise SystemExit(f"{batch.__key__}: {batch.context}, {batch.image.shape}")
        answers = batch.answers[0]
        chosen = expected["answer"]
        found = chosen if chosen in answers or (chosen is None and not answers) else answers
        yield identity, found, 1


def sample_ids(folder: Path) -> dict[str, str]:
    """The question ids by the keys of the samples."""
    import json
    import tarfile

    ids = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, kind = member.name.partition(".")
                if kind == "json":
                    ids[key] = json.load(tar.extractfile(member))["question_id"]
    return ids


if __name__ == "__main__":
    main(*sys.argv[1:])
