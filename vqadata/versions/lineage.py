"""What was done otherwise to make two data sets: steps, options, versions and inputs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import NamedTuple

from vqadata.shards.manifest import Manifest, StepEntry


class Otherwise(NamedTuple):
    """One thing that was done otherwise."""

    what: str
    """A step, an option of a step, a package, an input file."""
    a: str | None
    """What it was in the first data set; ``None`` if it was not there."""
    b: str | None


def done_otherwise(a: Manifest, b: Manifest) -> list[Otherwise]:
    """What was done otherwise, in the order of the history; input files first."""
    return list(dict.fromkeys([*_inputs(a, b), *_steps(a.steps, b.steps)]))


def _inputs(a: Manifest, b: Manifest) -> Iterator[Otherwise]:
    ours, theirs = ({i.file: f"sha256 {i.sha256}" for i in m.inputs} for m in (a, b))
    yield from _members("input", ours, theirs)


def _steps(a: list[StepEntry], b: list[StepEntry]) -> Iterator[Otherwise]:
    """Bring the steps of the same name side by side, and compare them."""
    ours, theirs = [list(map(_title, steps)) for steps in (a, b)]
    for same, i, j, k, m in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if same == "equal":
            for one, other in zip(a[i:j], b[k:m], strict=True):
                yield from _members(f"{_title(one)}:", _texts(one.options), _texts(other.options))
                yield from _members("version of", one.versions, other.versions)
        else:
            pairs = zip_longest(ours[i:j], theirs[k:m])
            yield from (Otherwise("step", one, other) for one, other in pairs)


def _title(step: StepEntry) -> str:
    return f"{step.step} {step.name}"


def _texts(options: dict[str, object]) -> dict[str, str]:
    return {name: json.dumps(value, ensure_ascii=False) for name, value in options.items()}


def _members(kind: str, a: dict[str, str], b: dict[str, str]) -> Iterator[Otherwise]:
    for name in dict.fromkeys([*a, *b]):
        if a.get(name) != b.get(name):
            yield Otherwise(f"{kind} {name}", a.get(name), b.get(name))
