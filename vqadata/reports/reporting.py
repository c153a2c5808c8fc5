"""From a finished folder to its report: the numbers, and the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from vqadata.errors import OptionError, VqaDataError
from vqadata.groundwork.output_folder import write_durably
from vqadata.reports.lists import lists
from vqadata.reports.page import Contents, page, wanted_pictures
from vqadata.reports.summary import Reported, summary
from vqadata.reports.thumbnails import Shown, evidence, texts, thumbnails
from vqadata.shards.manifest import MANIFEST, PICTURES, REPORT
from vqadata.shards.reader import Shards, file_at, open_shards
from vqadata.stores.file_system import is_url

if TYPE_CHECKING:
    import polars as pl

NEIGHBOURS = 1000
"""Folders beside a data set that are looked at for the one it was made of."""


class ReportOptions(BaseModel):
    """What a page holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: int = Field(500, ge=0, description="Most pictures on the page.")
    picture_mb: int = Field(
        8,
        ge=0,
        description="Most megabytes of all pictures; of these up to half are for templates and "
        "contact sheets.",
    )
    rows: int = Field(
        100_000,
        ge=0,
        description="Most findings, and most lost rows, that the page lists. The tables count all "
        "of them, and the complete lists lie in the folder.",
    )
    look_in: list[Path] = Field(
        default_factory=list,
        description="Another folder of shards in which pictures of findings may be: one before a "
        "cleaning, whose own findings are listed, too, or one that it was compared with; may be "
        "given several times. Those before are found by their digest, if they lie beside it.",
        json_schema_extra={"metavar": "DIR"},
    )


def report(
    folder: Path | str, out: Path | str | None = None, options: ReportOptions | None = None
) -> Reported:
    """Write the report on a data set.

    Args:
        folder: A finished folder of shards.
        out: The page; by default ``report.html`` in the folder, or here if the folder is a URL.
        options: What it holds.

    Raises:
        ShardError: The folder cannot be read.
        VqaDataError: The page cannot be written.
    """
    options = options or ReportOptions()
    shards = open_shards(folder)
    path = _place(shards, out)
    contents = _contents(shards, options)
    text = page(contents, options.rows)
    try:
        write_durably(path, text)
    except OSError as error:
        raise VqaDataError(
            str(path), f"cannot be written: {error.strerror}", "a place to write",
            "Name another file with --out.",
        ) from None  # fmt: skip
    return Reported(
        report=contents.report,
        page=str(path),
        bytes=path.stat().st_size,
        pictures=contents.pictures.shown,
        pictures_named=len(contents.pictures.named),
    )


def _contents(shards: Shards, options: ReportOptions) -> Contents:
    """Gather what goes on the page."""
    others = [*_earlier(shards), *map(open_shards, options.look_in)]
    complete = lists(shards, others)
    found, gone = complete.findings, complete.lost
    masked, size = _masked(shards, found), options.picture_mb * 1_000_000
    sheets = evidence(shards, size // 2)
    size -= sum(len(small.data) for small in sheets.values() if small is not None)
    named = wanted_pictures(found)
    wanted = [digest for one in named for digest in (one, masked.get(one)) if digest]
    return Contents(
        report=summary(shards, complete),
        findings=_with_texts(shards, found, gone),
        lost=gone,
        pictures=Shown(thumbnails([shards, *others], wanted, options.pictures, size), named),
        masked=masked,
        evidence=sheets,
        texts=texts(shards),
    )


def _place(shards: Shards, out: Path | str | None) -> Path:
    """Where the page goes: beside the data, unless it is told or they are not on this machine."""
    if out is None:
        return Path(REPORT) if is_url(shards.where) else shards.folder / REPORT
    path = Path(out)
    if path.is_dir():
        raise OptionError("--out", f"{path} is a folder", "a file", f"Try {path / REPORT}.")
    return path


def _earlier(shards: Shards) -> Iterator[Shards]:
    """The data sets that this one was made of, as far as they lie beside it."""
    parents = {step.parent for step in shards.manifest.steps} - {None}
    if is_url(shards.where):
        return
    beside = sorted(shards.folder.resolve().parent.glob(f"*/{MANIFEST}"))
    for path in beside[:NEIGHBOURS] if parents else ():
        if _digest(path) in parents:
            yield open_shards(path.parent)


def _digest(manifest: Path) -> str | None:
    try:
        document = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return None
    digest = document.get("digest") if isinstance(document, dict) else None
    return digest if isinstance(digest, str) else None


def _masked(shards: Shards, found: pl.DataFrame) -> dict[str, str]:
    """The digest of each masked picture now, by the digest that its finding names.

    A masked picture has a digest that no picture had before, and its old name, or that name with
    the extension of its new format.
    """
    import polars as pl

    before = found.filter((pl.col("action") == "mask") & pl.col("digest").is_not_null())
    if before.is_empty():
        return {}
    known = set(_examined(shards)) | set(before["digest"])
    now: dict[str, str] = {}
    for batch in shards.batches(["images", "image_facts"]):
        digests = batch.column("image_facts").flatten().field("digest").to_pylist()
        paths = batch.column("images").flatten().field("path").to_pylist()
        for path, digest in zip(paths, digests, strict=True):
            if digest is not None and digest not in known:
                now.setdefault(path, digest)
                now.setdefault(_stem(path), digest)
    pairs = sorted(before.select("digest", "path").unique().iter_rows())
    named = [(digest, now.get(path) or now.get(_stem(path))) for digest, path in pairs]
    return {digest: new for digest, new in named if new is not None}


def _stem(path: str) -> str:
    return path.removesuffix(PurePosixPath(path).suffix)


def _examined(shards: Shards) -> list[str]:
    """The digests of the pictures that were cleaned, as they came."""
    import polars as pl

    path = file_at(shards.where, PICTURES)
    return [] if path is None else pl.read_parquet(path, columns=["digest"])["digest"].to_list()


def _with_texts(shards: Shards, found: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """The findings with question and answer, where they are about a question."""
    import polars as pl

    fields = ["question_id", "text", "answer"]
    kept = pl.DataFrame(shards.questions(fields)).select(fields)
    texts = pl.concat([kept, gone.select(fields)]).drop_nulls(["question_id", "text"])
    texts = texts.unique("question_id", keep="first", maintain_order=True)
    return found.join(texts, on="question_id", how="left", maintain_order="left")
