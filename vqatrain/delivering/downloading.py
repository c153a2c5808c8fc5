"""Fetches a model from the hub: what it is and under which licence, resumed, held against digests.

Source: https://huggingface.co/docs/huggingface_hub. Only what a model needs is taken: weights as
safetensors, configuration, tokenizer, licence. Pickled weights and programs are left where they
are, as they could run code. ``HF_ENDPOINT`` names another hub, ``HF_TOKEN`` a key.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from vqadata.errors import OptionError, VqaDataError
from vqatrain.delivering.config import DownloadConfig

FILE = "download.json"

TAKEN = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "*.md", "LICENSE*")
"""Files that are fetched."""

WEIGHTS = "*.safetensors"
CHUNK = 1 << 20


class FileOnHub(NamedTuple):
    """A file of a model, as the hub tells of it."""

    name: str
    size: int
    sha256: str | None
    """Of large files."""
    git: str
    """Digest by which git knows a small file."""


class Offer(NamedTuple):
    """What there is to fetch."""

    model: str
    commit: str
    licence: str
    files: list[FileOnHub]
    left: list[str]
    """Files that are not fetched."""

    @property
    def size(self) -> int:
        """Bytes of all files that are fetched."""
        return sum(file.size for file in self.files)


class Fetched(BaseModel):
    """What was fetched; ``download.json`` is this model."""

    model_config = ConfigDict(frozen=True)

    model: str
    revision: str = Field(description="Commit.")
    licence: str = Field(description="As the model's card names it.")
    files: dict[str, str] = Field(description="SHA-256 by file.")


def download(config: DownloadConfig, say: Callable[[Offer], None] | None = None) -> Fetched | None:
    """Fetch a model into a folder; what is there already is not fetched again.

    Args:
        config: Which model, where to.
        say: Told what will be fetched, before it is.

    Returns:
        What was fetched, which also lies in ``download.json``, written last; ``None`` if the
        options only ask what there is.

    Raises:
        OptionError: The hub has no such model, does not answer, or it has no safetensors.
        VqaDataError: A file is not what the hub says it is; it is deleted.
    """
    offer = look(config.model, config.revision)
    if say is not None:
        say(offer)
    if config.show:
        return None
    for file in offer.files:
        with _reached(f"{config.model}: {file.name}"):
            _fetch(offer, file, config.folder)
    digests = {file.name: _check(config.folder / file.name, file) for file in offer.files}
    done = Fetched(model=config.model, revision=offer.commit, licence=offer.licence, files=digests)
    (config.folder / FILE).write_text(done.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return done


def _fetch(offer: Offer, file: FileOnHub, folder: Path) -> None:
    """Fetch a file, or the rest of it: what has come is kept in ``NAME.part``.

    The library's own download begins a file anew after a stop.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    path = folder / file.name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{file.name} leads out of the folder")
    if path.is_file():
        return
    part = path.with_name(f"{path.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as data:
        if (begun := data.tell()) < file.size:
            url = hf_hub_url(offer.model, file.name, revision=offer.commit, endpoint=_endpoint())
            http_get(url, data, resume_size=begun, headers=build_hf_headers(),
                     expected_size=file.size)  # fmt: skip
    part.replace(path)


def look(model: str, revision: str) -> Offer:
    """Ask the hub what there is of a model.

    Raises:
        OptionError: The hub has no such model, does not answer, or it has no safetensors.
    """
    from huggingface_hub import HfApi

    with _reached(model):
        info = HfApi(endpoint=_endpoint()).model_info(model, revision=revision, files_metadata=True)
    files = [_file(sibling) for sibling in info.siblings or ()]
    taken = [file for file in files if any(fnmatch.fnmatch(file.name, kind) for kind in TAKEN)]
    if not any(fnmatch.fnmatch(file.name, WEIGHTS) for file in taken):
        raise OptionError(
            model, f"no safetensors among {len(files)} files", "weights as safetensors",
            "Pickled weights can run code; look for a converted copy of the model.",
        )  # fmt: skip
    card: Any = info.card_data or {}
    left = sorted({file.name for file in files} - {file.name for file in taken})
    return Offer(model, str(info.sha), card.get("license") or "not stated", taken, left)


def _file(sibling: Any) -> FileOnHub:
    sha256 = sibling.lfs.sha256 if sibling.lfs else None
    return FileOnHub(sibling.rfilename, sibling.size or 0, sha256, sibling.blob_id or "")


def _check(path: Path, file: FileOnHub) -> str:
    """The SHA-256 of a file, once it is known to be what the hub says.

    Raises:
        VqaDataError: It is something else.
    """
    sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    with path.open("rb") as data:
        while chunk := data.read(CHUNK):
            sha256.update(chunk)
            git.update(chunk)
    found, expected = sha256.hexdigest(), file.sha256
    if found != expected if expected else git.hexdigest() != file.git:
        path.unlink()
        raise VqaDataError(
            str(path), f"sha256 {found}", f"the file of the hub, {expected or file.git}",
            "It was deleted; run the same command again.",
        )  # fmt: skip
    return found


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT")


@contextmanager
def _reached(what: str) -> Iterator[None]:
    """Say in one line what the hub, or the way to it, has against a request."""
    import httpx2

    try:
        yield
    except (OSError, ValueError, httpx2.HTTPError) as error:
        found = f"the hub says: {str(error).strip().splitlines()[0][:200]}"
        raise OptionError(
            what, found, "a model of the hub",
            "Check the name; without network, pass the folder of a model.",
        ) from None  # fmt: skip
