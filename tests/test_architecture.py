"""Holds the direction of flow, the figures of style, and the lightness of the command line."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(p for package in ("vqadata", "vqatrain") for p in (ROOT / package).rglob("*.py"))

FLOORS = [
    {"errors", "discover", "groundwork.*", "page.*"},
    {"stores.*", "shards.read_options", "shards.cache"},
    {"record", "images.*", "reading.*", "engine.*"},
    {"overlay.*", "shards.features", "shards.schema", "shards.manifest", "shards.message",
     "shards.scan", "shards.store", "shards.remote", "converting.answers",
     "converting.look", "cleaning.text_engine", "exporting.receipt", "commands.command_line",
     "commands.entry"},
    {"ledger"},
    {"shards.*"},
    {"loader.*", "words.markup", "converting.numbered", "converting.picture_batch",
     "cleaning.chunks", "cleaning.findings", "cleaning.shown_rows", "exporting.rows",
     "exporting.outbox", "exporting.collecting"},
    {"steps", "cleaning.survey"},
    {"words.*", "ocr.*", "exporting.conversations"},
    {"layouts.*", "converting.suggest", "cleaning.judging", "cleaning.leaks",
     "cleaning.look_alikes", "cleaning.pair_cache", "cleaning.picture_ids",
     "cleaning.picture_cache",
     "cleaning.engine_choice", "watermarks.*"},
    {"converting.column_plan", "converting.column_rows"},
    {"sources.*", "cleaners.*", "exports.*"},
    {"converting.*"},
    {"cleaning.*", "exporting.*"},
    {"rearranging.*"},
    {"reports.*"},
    {"commands.printing", "versions.*"},
    {"commands.*"},
    {"cli"},
    {"__main__"},
]  # fmt: skip
"""Packages of vqadata from the ground up, and the modules that stand lower than the rest of theirs:
a module imports its own floor and those below."""

GROUND = {
    "vqadata.discover", "vqadata.errors", "vqadata.groundwork.flags",
    "vqadata.commands.command_line", "vqadata.commands.entry", "vqadata.page.shell",
    "vqadata.engine.hiring", "vqadata.engine.order", "vqadata.engine.stage",
}  # fmt: skip
"""What all of vqatrain may import of vqadata: modules that know nothing of data."""

DOOR = ROOT / "vqatrain" / "data.py"


def imports(path: Path) -> Iterator[str]:
    """Names of the modules of ours that ``path`` imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def floor_of(module: str) -> int | None:
    name = module.removeprefix("vqadata.")
    folder = name.rpartition(".")[0] + ".*"
    return next((n for n, floor in enumerate(FLOORS) if {name, folder} & floor), None)


VQADATA = [path for path in MODULES if path.is_relative_to(ROOT / "vqadata")]
PLACED = [path for path in VQADATA if path.name != "__init__.py"]


@pytest.mark.parametrize("path", PLACED, ids=dotted)
def test_imports_go_down_only(path: Path) -> None:
    own = floor_of(dotted(path))
    assert own is not None, f"say on which floor {dotted(path)} stands"
    up = [name for name in imports(path) if (floor_of(name) or 0) > own and name in KNOWN]
    assert up == []


KNOWN = {dotted(path) for path in MODULES}


@pytest.mark.parametrize("path", PLACED, ids=dotted)
def test_a_step_imports_no_other_step(path: Path) -> None:
    kind = path.parent.name
    siblings = {dotted(p) for p in path.parent.glob("*.py")} - {dotted(path), dotted(path.parent)}
    if kind in ("sources", "cleaners", "exports"):
        assert siblings.isdisjoint(imports(path))


def test_vqadata_knows_nothing_of_training() -> None:
    wrong = {dotted(p) for p in VQADATA for name in imports(p) if name.startswith("vqatrain")}
    assert wrong == set()


def test_data_enters_vqatrain_by_one_door() -> None:
    wrong = {
        f"{dotted(path)} imports {name}"
        for path in MODULES
        if path.is_relative_to(ROOT / "vqatrain") and path != DOOR
        for name in imports(path)
        if name in KNOWN and name.startswith("vqadata") and name not in GROUND
    }
    assert wrong == set()


def functions(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, lines without docstring, and number of parameters of each function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node, clean=False)
            lines = node.end_lineno - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
            arguments = node.args.args + node.args.kwonlyargs + node.args.posonlyargs
            named = [a for a in arguments if a.arg not in ("self", "cls")]
            yield f"{dotted(path)}.{node.name}", lines, len(named)


FUNCTIONS = [function for path in MODULES for function in functions(path)]


def test_functions_are_short() -> None:
    lengths = sorted(lines for _, lines, _ in FUNCTIONS)
    assert len(lengths) > 100
    assert statistics.median(lengths) <= 9
    assert lengths[int(len(lengths) * 0.95)] <= 40
    assert [name for name, lines, _ in FUNCTIONS if lines > 60] == []


def test_functions_take_few_parameters() -> None:
    assert [name for name, _, parameters in FUNCTIONS if parameters > 8] == []


def test_modules_are_short() -> None:
    lengths = {dotted(path): len(path.read_text().splitlines()) for path in MODULES}
    assert [name for name, lines in lengths.items() if lines > 400] == []
    assert statistics.median(lengths.values()) <= 130


def test_every_module_says_what_it_is() -> None:
    silent = [dotted(p) for p in MODULES if not ast.get_docstring(ast.parse(p.read_text()))]
    assert silent == []


def test_no_data_is_checked_by_assert_and_nothing_prints() -> None:
    wrong = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if isinstance(node, ast.Assert) or (call and node.func.id == "print"):
                wrong.append(f"{dotted(path)}:{node.lineno}")
    assert wrong == []


@pytest.mark.parametrize("program", ["vqadata", "vqatrain"])
def test_help_loads_nothing_heavy(program: str) -> None:
    heavy = ("torch", "transformers", "pyarrow", "polars", "numpy", "PIL", "datasets")
    code = (
        "import sys\n"
        f"from {program}.cli import program\n"
        "program.main(['--help'], standalone_mode=False)\n"
        f"print('LOADED', [m for m in {heavy!r} if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"
