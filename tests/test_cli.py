"""The programs as a person meets them: help with examples, one line for an error, exit statuses."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tests.conftest import VqaFiles
from vqadata.cli import program as vqadata_program
from vqadata.commands.command_line import run_program
from vqadata.commands.entry import enter
from vqatrain.cli import program as vqatrain_program

ROOT = Path(__file__).parent.parent
Run = Callable[..., Any]


def commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The words of every command and group below ``command``, and its own."""
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*words, name))


COMMANDS = [
    *commands(vqadata_program, ("vqadata",)),
    *commands(vqatrain_program, ("vqatrain",)),
]


def parameters(words: tuple[str, ...]) -> list[click.Parameter]:
    command: click.Command = {"vqadata": vqadata_program, "vqatrain": vqatrain_program}[words[0]]
    for word in words[1:]:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    return command.get_params(click.Context(command))


def help_of(words: tuple[str, ...]) -> str:
    from click.testing import CliRunner

    main = {"vqadata": vqadata_program, "vqatrain": vqatrain_program}[words[0]]
    done = CliRunner().invoke(main, [*words[1:], "--help"])
    assert done.exit_code == 0, done.output
    return str(done.output)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_shows_an_example_that_it_takes(words: tuple[str, ...]) -> None:
    example = help_of(words).partition("Example:")[2].partition("Options:")[0]
    assert words[0] in example
    known = {"vqadata": VQADATA_FLAGS, "vqatrain": VQATRAIN_FLAGS}[words[0]]
    assert set(re.findall(r"(?<!\S)--?[a-z][\w-]*", example)) <= known


VQADATA_FLAGS, VQATRAIN_FLAGS = (
    {
        flag
        for words in COMMANDS
        if words[0] == program
        for parameter in parameters(words)
        for flag in parameter.opts
    }
    for program in ("vqadata", "vqatrain")
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_is_explained(words: tuple[str, ...]) -> None:
    options = [p for p in parameters(words) if isinstance(p, click.Option)]
    assert [option.name for option in options if not option.help] == []


WRONG = {
    "vqadata convert coco-vqa --questons q.json": "Did you mean '--questions'? See: vqadata",
    "vqadata convert coco-vqa -o out": "error: --questions: not given",
    "vqadata convert coco-vqa --questions nope.json -o out": "nope.json: no such file",
    "vqadata convert coco -o out": "coco-vqa, ",
    "vqadata convert custom nope.csv -o out": "nope.csv: no such file",
    "vqadata clean nope -o out": "nope: no such folder",
    "vqadata clean": "Missing argument 'SHARDS'",
    "vqadata stats {root}/README.md": "a file; expected a folder of shards",
    "vqadata verify {root}/docs": "no manifest.json",
    "vqadata diff nope {root}": "nope: no such folder",
    "vqadata diff {root}/docs x": "no manifest.json",
    "vqadata diff a b --field colour": "error: --field colour: no such field; expected one of",
    "vqadata split nope -o out --part a=1": "nope: no such folder",
    "vqadata split nope -o out": "error: --part: not given",
    "vqadata ledger x --action lost": "'dropped', 'quarantined', 'flagged'",
    "vqadata map suggest nope.json": "nope.json: no such file",
    "vqatrain run nope --model tiny:smolvlm": "nope: no such folder",
    "vqatrain run nope": "error: --model: not given",
    "vqatrain run nope --model x --config {root}/README.md": "README.md",
    "vqatrain run nope --model x --batch-size 0": "--batch-size: found 0; expected greater than",
    "vqatrain eval nope --model x --limit ten": "'ten' is not a valid int",
}


@pytest.mark.parametrize("command", WRONG)
def test_a_mistake_is_one_line_with_a_remedy(command: str, run_cli: Run, tmp_path: Path) -> None:
    program, *words = command.format(root=ROOT).split()
    done = run_cli(*words, program=program, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert WRONG[command] in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def out(vqa_files: VqaFiles, tmp_path: Path, run_cli: Run) -> Path:
    """A converted data set with one row in quarantine and one dropped."""
    vqa_files.questions[4]["question"] = 5
    vqa_files.annotations[5]["answers"] = []
    paths = vqa_files.write()
    files = [f"--{name}={path}" for name, path in paths.items()]
    done = run_cli("convert", "coco-vqa", *files, "-o", tmp_path / "out")
    assert done.returncode == 0
    assert "the account adds up" in done.stdout
    assert "1 row in quarantine; see them with: vqadata ledger" in done.stdout
    strict = run_cli("convert", "coco-vqa", *files, "-o", tmp_path / "strict", "--strict")
    assert strict.returncode == 1
    return tmp_path / "out"


def test_what_is_printed_can_be_followed(out: Path, run_cli: Run) -> None:
    listed = run_cli("ledger", out, "--action", "quarantined").stdout
    assert listed == (
        "questions.json: record 4 question 4: quarantined, wrong-type, at questions[4].question: "
        "found integer, expected string\n"
    )
    entries = [json.loads(line) for line in run_cli("ledger", out, "--json").stdout.splitlines()]
    assert {entry["reason"] for entry in entries} == {
        "wrong-type", "question-without-answers", "answers-without-question",
    }  # fmt: skip
    assert json.loads(entries[0]["raw"])["question"] == 5
    assert "quarantined" in run_cli("explain", "4", out).stdout
    assert "val2014-00000.arrow" in run_cli("explain", "0", out).stdout
    assert run_cli("explain", "99", out).returncode == 2


def test_stats_for_a_person_and_for_a_program(out: Path, run_cli: Run) -> None:
    assert "top answers        yes 4" in run_cli("stats", out).stdout
    figures = json.loads(run_cli("stats", out, "--json").stdout)
    assert figures["questions"] == 4
    assert figures["unanswerable"] == 0
    assert figures["found_by"] == {"images-folder": figures["pictures"]}


READERS = [
    "stats {}", "explain 0 {}", "ledger {}", "diff {} {}", "verify {}", "shards info {}",
    "shards cat {}", "report {} --json -o page.html", "export trl {} -o exported --overwrite",
]  # fmt: skip


@pytest.mark.parametrize("command", READERS)
def test_what_reads_shards_takes_a_url(
    command: str, out: Path, run_cli: Run, tmp_path: Path
) -> None:
    def said(place: object) -> str:
        done = run_cli(*(word.format(place) for word in command.split()), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return str(done.stdout).replace(str(place), "PLACE")

    assert said(f"file://{out}") == said(out)


def test_verify_fails_on_a_damaged_folder(out: Path, run_cli: Run) -> None:
    assert run_cli("verify", out).returncode == 0
    (out / "ledger.parquet").write_bytes(b"")
    done = run_cli("verify", out)
    assert done.returncode == 1
    assert "PROBLEM: ledger.parquet" in done.stdout


def test_options_may_stand_in_a_file_and_flags_win(
    vqa_files: VqaFiles, tmp_path: Path, run_cli: Run
) -> None:
    paths = vqa_files.write()
    config = tmp_path / "options.yaml"
    config.write_text(
        f"questions: {paths['questions']}\nannotations: {paths['annotations']}\nsplit: dev\n"
    )
    done = run_cli("convert", "coco-vqa", "--config", config, "--split", "x", "-o", tmp_path / "o")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o" / "x-00000.arrow").exists()
    config.write_text("qestions: q.json\n")
    done = run_cli("convert", "coco-vqa", "--config", config, "-o", tmp_path / "p")
    assert "options.yaml: qestions: no such option" in done.stderr
    assert done.stderr.endswith("Did you mean questions?\n")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("duplicat: {repeats: flag}\n", "Did you mean duplicate?"),
        ("shard_mb: 32\n", "Give other options as flags."),
    ],
)
def test_a_section_that_no_cleaner_reads_is_refused(
    written: str, told: str, out: Path, tmp_path: Path, run_cli: Run
) -> None:
    config = tmp_path / "options.yaml"
    config.write_text(written)
    done = run_cli("clean", out, "--only", "audit", "--config", config, "-o", tmp_path / "c")
    name = written.partition(":")[0]
    assert f"options.yaml: {name}: no such section; expected sections of" in done.stderr
    assert done.stderr.endswith(f"{told}\n")
    assert not (tmp_path / "c").exists()


def test_a_section_of_a_cleaner_that_is_skipped_may_stand(
    out: Path, tmp_path: Path, run_cli: Run
) -> None:
    config = tmp_path / "options.yaml"
    config.write_text("audit: {aspect: 2}\nduplicate: {repeats: flag}\n")
    done = run_cli("clean", out, "--only", "audit", "--config", config, "-o", tmp_path / "c")
    assert done.returncode == 0, done.stderr


def test_an_option_that_says_no_has_no_double_negative() -> None:
    shown = help_of(("vqadata", "clean"))
    assert "--no-cache" in shown
    assert "--no-no-" not in shown


def test_a_reader_of_the_output_may_go_away(out: Path) -> None:

    command = f"{sys.executable} -m vqadata ledger {out} --all --json | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_auto_says_what_it_told_and_finds_pictures_in_the_folder(
    vqa_files: VqaFiles, tmp_path: Path, run_cli: Run
) -> None:
    vqa_files.write()
    (vqa_files.folder / "images").rename(vqa_files.folder / "pictures")
    (vqa_files.folder / "captions.json").write_text('[{"image_id": 1, "caption": "A bus."}]')
    done = run_cli("convert", "auto", vqa_files.folder, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "raw: coco-vqa, because questions.json has question, question_id" in done.stdout
    assert "not read: captions.json (COCO captions: texts about pictures" in done.stdout
    assert "6 questions on 3 pictures" in done.stdout


def test_auto_only_tells_the_layout_where_no_folder_is_given(
    vqa_files: VqaFiles, run_cli: Run
) -> None:
    vqa_files.write()
    before = sorted(vqa_files.folder.rglob("*"))
    done = run_cli("convert", "auto", vqa_files.folder)
    assert done.returncode == 0, done.stderr
    assert "coco-vqa, because" in done.stdout
    assert "give -o FOLDER" in done.stdout
    assert sorted(vqa_files.folder.rglob("*")) == before


def test_auto_refuses_captions_by_name(tmp_path: Path, run_cli: Run) -> None:
    path = tmp_path / "captions_val2014.json"
    path.write_text('{"annotations": [{"image_id": 1, "id": 2, "caption": "A bus."}]}')
    done = run_cli("convert", "auto", path, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "captions_val2014.json is COCO captions: texts about pictures" in done.stderr
    assert not (tmp_path / "out").exists()


def test_arrow_does_without_pandas_until_a_frame_is_wanted() -> None:
    code = (
        "import sys; from vqadata.commands.command_line import spare_pandas; spare_pandas();"
        "import numpy as np, pyarrow as pa;"
        "code = 'pa.array(np.arange(3))'; exec(code, {'pa': pa, 'np': np, '__name__': 'vqadata'});"
        "assert 'pandas' not in sys.modules;"
        "assert pa.table({'a': [1]}).to_pandas()['a'].sum() == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_log_of_json_tells_progress_and_a_summary(
    vqa_files: VqaFiles, run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    vqa_files.picture(1).write_bytes(b"")
    named = [word for key, path in vqa_files.write().items() for word in (f"--{key}", path)]
    run_cli("convert", "coco-vqa", *named, "-o", tmp_path / "shards")
    done = run_cli("--log-json", "clean", tmp_path / "shards", "-o", tmp_path / "out")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    told = {line["event"]: line for line in lines if "event" in line}
    assert told["progress"]["done"] == 3
    assert told["progress"]["reasons"] == {"zero-bytes": 1}
    assert told["summary"]["questions"] == 4
    assert told["summary"]["inputs"][0]["dropped"] == {"zero-bytes": 2}
    assert told["summary"]["message"] == f"{tmp_path / 'out'} is finished"


def test_a_log_of_json_names_the_url_when_all_is_there(
    vqa_files: VqaFiles, run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    named = [word for key, path in vqa_files.write().items() for word in (f"--{key}", path)]
    url = f"file://{tmp_path}/sent"
    done = run_cli("--log-json", "convert", "coco-vqa", *named, "-o", url)
    summary = json.loads(done.stderr.splitlines()[-1])
    assert (summary["event"], summary["message"]) == ("summary", f"{url} is finished")
    assert summary["questions"] == 6
    assert (tmp_path / "sent/manifest.json").exists()


def fail(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a program that ends with an error."""

    @click.group()
    def program() -> None:
        raise error

    program.add_command(click.Command("run"))
    monkeypatch.setattr(sys, "argv", ["program", "run"])
    with pytest.raises(SystemExit, match="2"):
        run_program(program, "program")


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device", "runs/first/log.jsonl"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598"),
    ],
)
def test_a_full_disk_is_one_line(
    error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(error, monkeypatch)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "cannot be written: the disk is full; expected room" in said[0]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("malloc of size 8388608 failed"), "memory: there is no more"),
        (NotADirectoryError(20, "Not a directory", "a.txt/out"), "a.txt/out: not a directory"),
        (PermissionError(13, "Permission denied", "/root/x"), "/root/x: permission denied"),
        (OSError(12, "Cannot allocate memory"), "memory: there is no more"),
        (ImportError("lib.so: failed to map segment from shared object"), "memory: there is no m"),
        (RuntimeError("can't start new thread"), "memory: there is no more"),
        (OSError(24, "Too many open files", "a.arrow"), "a.arrow: too many open files"),
    ],
)
def test_what_a_machine_lacks_is_one_line(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fail(error, monkeypatch)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {said}")


def interrupted() -> Callable[[], None]:
    raise KeyboardInterrupt


def test_an_interrupt_while_a_program_loads_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit, match="130"):
            enter(interrupted)
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_what_is_done_and_said_cannot_be_interrupted() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit, match="2"):
            enter(lambda: lambda: sys.exit(2))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("program", ["vqadata", "vqatrain"])
def test_what_takes_time_to_load_is_loaded_where_an_interrupt_is_heard(program: str) -> None:
    loaded = f"import {program}.__main__, sys; print('click' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True)
    assert said.stdout == "False\n"
