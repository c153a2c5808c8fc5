"""Rebuilds damaged files of a data set, byte for byte: from a copy, or by doing its last step anew.

The manifest knows the digest of every file, the last step with its options, and what that step
read. So whatever is rebuilt is compared with the digest before it takes the place of the damaged
file; what cannot be rebuilt is refused with the reason, and nothing is changed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from vqadata import cleaners as cleaner_folder
from vqadata import discover
from vqadata import sources as source_folder
from vqadata.cleaning.cleaning import clean
from vqadata.converting.conversion import OutputOptions, convert, versions
from vqadata.errors import ShardError, VqaDataError
from vqadata.groundwork.digests import file_digest
from vqadata.groundwork.output_folder import sync_folder, writing
from vqadata.rearranging.merging import merge, repack
from vqadata.rearranging.regrouping import RegroupOptions, regroup
from vqadata.rearranging.shares import SplitOptions
from vqadata.rearranging.splitting import split
from vqadata.shards.manifest import FileEntry, Manifest, ShardEntry, StepEntry, read_manifest
from vqadata.shards.read_options import ReadOptions
from vqadata.shards.reader import Shards, open_shards
from vqadata.steps import Cleaner, Source

WORK = ".repair"
"""Subfolder for what is being rebuilt."""


class Repaired(NamedTuple):
    """What became of a folder."""

    copied: list[str]
    """Damaged files that were taken from a copy."""
    rebuilt: list[str]
    """Damaged files that were rebuilt by doing the last step again."""


def repair(folder: Path | str, places: Sequence[Path | str] = ()) -> Repaired:
    """Rebuild the files of a data set that are missing or damaged.

    Args:
        folder: The folder; its manifest must be whole.
        places: Where to look: copies of the folder, the folder that its last step read, or the
            folders with the files and pictures that it was converted from.

    Returns:
        The files that were rebuilt; each is byte for byte what it was.

    Raises:
        ShardError: A file cannot be rebuilt from what is there. Nothing was changed.
    """
    folder = Path(folder)
    shards = open_shards(folder, ReadOptions(on_damage="skip"))
    damaged = _damaged(shards)
    if not damaged:
        return Repaired([], [])
    local = [Path(place) for place in places]
    work = folder / WORK
    with writing(folder):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            copied = [entry for entry in damaged if _copy(entry, local, folder, work)]
            wanted = [entry for entry in damaged if entry not in copied]
            if wanted:
                _rebuild(shards, local, wanted, work)
            for entry in damaged:
                (folder / entry.file).parent.mkdir(parents=True, exist_ok=True)
                (work / _place(entry)).replace(folder / entry.file)
            sync_folder(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return Repaired([entry.file for entry in copied], [entry.file for entry in wanted])


def _damaged(shards: Shards) -> list[ShardEntry | FileEntry]:
    bad = {fault.file for fault in shards.faults()}
    found: list[ShardEntry | FileEntry] = [s for s in shards.manifest.shards if s.file in bad]
    others = [shards.manifest.ledger, *shards.manifest.files]
    for entry in others:
        try:
            shards.file(entry)
        except ShardError:
            found.append(entry)
    return found


def _place(entry: ShardEntry | FileEntry) -> str:
    """The name of a file while it is being rebuilt."""
    return entry.sha256


def _copy(entry: ShardEntry | FileEntry, places: Sequence[Path], folder: Path, work: Path) -> bool:
    """Take a file from a copy of the folder, if there is a whole one."""
    for place in places:
        path = place / entry.file
        if place.resolve() == folder.resolve() or not path.is_file():
            continue
        if path.stat().st_size == entry.bytes and _take(path, entry, work):
            return True
    return False


def _take(path: Path, entry: ShardEntry | FileEntry, work: Path) -> bool:
    """Copy a file, if its copy is what the manifest says."""
    target = work / _place(entry)
    shutil.copyfile(path, target)
    sync_folder(target)
    return file_digest(target) == entry.sha256


def _rebuild(
    shards: Shards, places: Sequence[Path], wanted: list[ShardEntry | FileEntry], work: Path
) -> None:
    """Do the last step again and take the wanted files from what comes of it."""
    step, where = shards.manifest.steps[-1], shards.path(wanted[0].file)
    if step.step not in _AGAIN:
        raise ShardError(where, "damaged, and it is not known how to do its last step again")
    again = work / "again"
    _AGAIN[step.step](shards.manifest, places, again, where)
    for entry in wanted:
        path = again / entry.file
        if not path.is_file() or not _take(path, entry, work):
            raise ShardError(
                shards.path(entry.file),
                f"{step.step} {step.name} was done again and gave another file{_otherwise(step)}",
                f"sha256 {entry.sha256}",
                "Use the same versions and inputs, or restore the file from a copy.",
            )
    shutil.rmtree(again)


def _otherwise(step: StepEntry) -> str:
    """The versions that are not those of the step."""
    now = versions()
    pairs = ((name, now.get(name), version) for name, version in step.versions.items())
    other = [f"{name} {here} for {then}" for name, here, then in pairs if here != then]
    return f" ({', '.join(other)})" if other else ""


def _output(step: StepEntry) -> OutputOptions:
    return OutputOptions(shard_mb=step.options["shard_mb"])


def _convert_again(manifest: Manifest, places: Sequence[Path], out: Path, where: str) -> None:
    step = manifest.steps[-1]
    kind: type[Source] = discover.find(source_folder, Source, step.name)  # type: ignore[type-abstract]
    digests = {Path(entry.file).name: entry.sha256 for entry in manifest.inputs}
    finder = _Finder(places, digests, where)
    source = _made(kind, step, finder)
    for path in source.input_files():
        finder.check(path)
    convert(source, out, _output(step))


def _clean_again(manifest: Manifest, places: Sequence[Path], out: Path, where: str) -> None:
    last = manifest.steps[-1]
    run = [s for s in manifest.steps if (s.step, s.parent) == ("clean", last.parent)]
    finder = _Finder(places, {}, where)
    cleaners = []
    for step in run:
        kind: type[Cleaner] = discover.find(cleaner_folder, Cleaner, step.name)  # type: ignore[type-abstract]
        cleaners.append(_made(kind, step, finder))
    report_only = bool(last.options.get("report_only"))
    parent = _parent(last.parent, places, where)
    clean(parent, out, cleaners, _output(last), report_only=report_only)


def _split_again(manifest: Manifest, places: Sequence[Path], out: Path, where: str) -> None:
    step = manifest.steps[-1]
    how = _made(SplitOptions, step, _Finder(places, {}, where))
    split(_parent(step.parent, places, where), out, how, _output(step))


def _regroup_again(manifest: Manifest, places: Sequence[Path], out: Path, where: str) -> None:
    step = manifest.steps[-1]
    how = _made(RegroupOptions, step, _Finder(places, {}, where))
    regroup(_parent(step.parent, places, where), out, how, _output(step))


def _repack_again(manifest: Manifest, places: Sequence[Path], out: Path, where: str) -> None:
    step = manifest.steps[-1]
    repack(_parent(step.parent, places, where), out, _output(step))


def _merge_again(manifest: Manifest, places: Sequence[Path], out: Path, where: str) -> None:
    step = manifest.steps[-1]
    parents = [_parent(digest, places, where) for digest in step.options["parents"]]
    merge(parents, out, _output(step))


_AGAIN: dict[str, Callable[[Manifest, Sequence[Path], Path, str], None]] = {
    "convert": _convert_again,
    "clean": _clean_again,
    "split": _split_again,
    "regroup": _regroup_again,
    "repack": _repack_again,
    "merge": _merge_again,
}


def _parent(digest: str | None, places: Sequence[Path], where: str) -> Path:
    """The folder of shards that a step has read."""
    for place in places:
        with suppress(VqaDataError):
            if read_manifest(place)[1] == digest:
                return place
    raise _not_found(where, f"the data set with digest {digest}, which its last step read")


def _not_found(where: str, what: str) -> ShardError:
    return ShardError(
        where, "damaged, and nothing to rebuild it from is there", what,
        "Name its folder with --from; or name a copy of the damaged folder.",
    )  # fmt: skip


def _made(kind: type[Any], step: StepEntry, finder: _Finder) -> Any:
    """A source, a cleaner or the options of a split as they were; paths are looked up by name."""
    model: type[BaseModel] = kind
    options = {name: v for name, v in step.options.items() if name in model.model_fields}
    for name, value in options.items():
        if _holds_paths(model.model_fields[name].annotation):
            found = [finder.find(item) for item in value] if isinstance(value, list) else value
            options[name] = finder.find(value) if isinstance(value, str) else found
    return model.model_validate(options)


def _holds_paths(annotation: Any) -> bool:
    return annotation is Path or any(map(_holds_paths, get_args(annotation)))


class _Finder:
    """Looks up the files and folders of options, of which the manifest knows the names alone."""

    def __init__(self, places: Sequence[Path], digests: dict[str, str], where: str) -> None:
        self._places, self._digests, self._where = places, digests, where

    def find(self, name: str) -> Path:
        """The path of that name, and of the digest of the manifest if it is an input file."""
        for path in self._named(name):
            if path.is_dir() or self._fits(path):
                return path
        raise _not_found(self._where, f"{name}, as it was when it was converted")

    def check(self, path: Path) -> None:
        """Refuse an input file that is not the one that was converted."""
        if path.is_file() and not self._fits(path):
            raise _not_found(self._where, f"{path.name}, as it was when it was converted")

    def _fits(self, path: Path) -> bool:
        digest = self._digests.get(path.name)
        return digest is None or file_digest(path) == digest

    def _named(self, name: str) -> Iterator[Path]:
        for place in self._places:
            if place.name == name or place.resolve().name == name:
                yield place
            for root, folders, files in os.walk(place):
                if name in folders or name in files:
                    yield Path(root) / name
