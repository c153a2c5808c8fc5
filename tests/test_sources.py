"""The contract of sources: each one that is found keeps it, on its own fixture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contract import build_source, fixture_of, outcome, portable
from vqadata import convert, sources, verify
from vqadata.discover import names
from vqadata.engine.hiring import EngineOptions
from vqadata.shards.manifest import Manifest

NAMES = names(sources)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def converted(name: str, tmp_path: Path) -> tuple[Path, Manifest]:
    return tmp_path / "out", convert(build_source(name), tmp_path / "out")


def test_there_are_sources() -> None:
    assert {"coco-vqa", "ok-vqa"} <= set(NAMES)


def test_has_a_fixture(name: str) -> None:
    missing = [f for f in ("options.json", "expected.json") if not (fixture_of(name) / f).is_file()]
    assert not missing, f"add fixtures/{fixture_of(name).name}/ with {missing}; see CONTRIBUTING.md"


def test_gives_what_the_fixture_expects(name: str, converted: tuple[Path, Manifest]) -> None:
    expected = json.loads((fixture_of(name) / "expected.json").read_text(encoding="utf-8"))
    assert portable(outcome(converted[0])) == expected


def test_keeps_something_and_adds_up(converted: tuple[Path, Manifest]) -> None:
    folder, manifest = converted
    assert manifest.questions
    assert manifest.adds_up
    assert verify(folder).problems == []


def test_same_input_gives_same_bytes_whoever_writes(
    name: str, converted: tuple[Path, Manifest], tmp_path: Path
) -> None:
    crew = EngineOptions(workers=2, worker_kind="threads")
    convert(build_source(name), tmp_path / "again", engine=crew)
    first = {p.name: p.read_bytes() for p in sorted(converted[0].iterdir())}
    assert first == {p.name: p.read_bytes() for p in sorted((tmp_path / "again").iterdir())}


def test_explains_itself(name: str) -> None:
    source = type(build_source(name))
    assert source.__doc__
    assert source.example.startswith(f"vqadata convert {name} ")
    undescribed = [key for key, field in source.model_fields.items() if not field.description]
    assert undescribed == []


def test_every_fixture_has_a_source() -> None:
    folders = {path.name for path in fixture_of("x").parent.iterdir() if path.is_dir()}
    assert folders == {name.replace("-", "_") for name in NAMES}
