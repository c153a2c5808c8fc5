"""One tool over one folder of pictures: CPU milliseconds a picture, printed.

    python benchmarks/picture_tools.py TOOL FOLDER

Runs in the environment of the tool, ours or the peers'. Import and a warm-up are not counted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Work = Callable[[list[Path]], Any]


def read() -> Work:
    return lambda files: [file.read_bytes() for file in files]


def entropy_limit() -> Work:
    """libjpeg-turbo to an eighth of the size, grey: it can do no less to see any pixel."""
    import simplejpeg

    def work(files: list[Path]) -> None:
        for file in files:
            simplejpeg.decode_jpeg(
                file.read_bytes(), "GRAY", min_height=1, min_width=1, min_factor=8
            )

    return work


def pillow() -> Work:
    from PIL import Image

    return lambda files: [Image.open(file).convert("RGB") for file in files]


def vqadata_audit() -> Work:
    from vqadata.cleaners.audit import Audit
    from vqadata.groundwork.digests import bytes_digest
    from vqadata.images.view import View

    audit = Audit()

    def work(files: list[Path]) -> None:
        for file in files:
            data = file.read_bytes()
            audit.examine(View(file.name, bytes_digest(data), data))

    return work


def vqadata_all() -> Work:
    """All that the cleaners of ``vqadata clean`` look for by default, hashes included."""
    from vqadata.cleaning.cleaning import cleaner_kinds
    from vqadata.groundwork.digests import bytes_digest
    from vqadata.images.view import View

    cleaners = [kind() for kind in cleaner_kinds()]
    lookers = [cleaner for cleaner in cleaners if cleaner.columns()]

    def work(files: list[Path]) -> None:
        for file in files:
            data = file.read_bytes()
            view = View(file.name, bytes_digest(data), data)
            for cleaner in lookers:
                cleaner.examine(view)

    return work


def imagehash_phash() -> Work:
    import imagehash
    from PIL import Image

    return lambda files: [imagehash.phash(Image.open(file)) for file in files]


def imagededup_phash() -> Work:
    from unittest.mock import MagicMock

    # imagededup imports torchvision for its CNN, which hashes do not use; it must match torch's
    # build, which it does not on every machine.
    for name in ("", ".models", ".models.vision_transformer", ".transforms"):
        sys.modules[f"torchvision{name}"] = MagicMock()
    from imagededup.methods import PHash

    hasher = PHash(verbose=False)
    return lambda files: [hasher.encode_image(str(file)) for file in files]


def cleanvision() -> Work:
    from cleanvision import Imagelab

    def work(files: list[Path]) -> None:
        Imagelab(filepaths=[str(file) for file in files]).find_issues(n_jobs=1, verbose=False)

    return work


TOOLS = {
    "read": read,
    "entropy-limit": entropy_limit,
    "pillow": pillow,
    "vqadata-audit": vqadata_audit,
    "vqadata-all": vqadata_all,
    "imagehash-phash": imagehash_phash,
    "imagededup-phash": imagededup_phash,
    "cleanvision": cleanvision,
}


def main() -> None:
    tool, folder = sys.argv[1:3]
    files = sorted(Path(folder).glob("*.jpg"))
    work = TOOLS[tool]()
    work(files[:8])
    start = time.process_time()
    work(files)
    print(f"{(time.process_time() - start) / len(files) * 1000:.4f}")


if __name__ == "__main__":
    main()
