"""The examples of README and docs are run, and print what they say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+)\)")


class Example(NamedTuple):
    command: list[str]
    printed: str | None
    """What it prints, with ``...`` for anything; ``None`` where nothing is said."""


def examples(page: Path) -> Iterator[Example]:
    for kind, body in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            yield Example([sys.executable, "-c", body], None)
            continue
        for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            program, *words = shlex.split(command)
            yield Example([sys.executable, "-m", program, *words], printed)


def matches(printed: str, expected: str) -> bool:
    pattern = re.escape(expected).replace(re.escape("..."), "(?s:.*)")
    return re.fullmatch(pattern, printed) is not None


RUNNABLE = [page for page in PAGES if any(examples(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_examples_print_what_they_say(page: Path, tmp_path: Path) -> None:
    for name in ("fixtures", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    for command, printed in examples(page):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path,
            env={"HF_HOME": str(tmp_path / "cache"), "PATH": "", "OMP_WAIT_POLICY": "PASSIVE",
                 "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)
        assert printed is None or matches(done.stdout, printed), (command, done.stdout)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_readme_names_no_step_that_is_not_there() -> None:
    from vqadata import exports, sources
    from vqadata.discover import names

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)
    assert listed
    assert set(listed) <= {*names(sources), *names(exports), "auto"}


def test_help_of_convert_lists_every_source() -> None:
    from vqadata import sources
    from vqadata.discover import names

    command = [sys.executable, "-m", "vqadata", "convert", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [name for name in names(sources) if f"\n  {name} " not in done.stdout] == []


def test_readme_names_every_export() -> None:
    from vqadata import exports
    from vqadata.discover import names

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in names(exports) if f"| `{name}` |" not in text] == []
