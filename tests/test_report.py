"""The report: its lists are complete, its numbers add up, and it stands alone."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import VqaFiles
from tests.reported import make
from vqadata import clean, convert, open_shards
from vqadata.cleaners.near_question import NearQuestion
from vqadata.errors import OptionError, ShardError, VqaDataError
from vqadata.page.shell import columns, packed, shown
from vqadata.reports.lists import lists
from vqadata.reports.page import LEAKAGE, Contents, chosen, leakage, page
from vqadata.reports.reporting import ReportOptions, report
from vqadata.reports.summary import failures
from vqadata.reports.thumbnails import Shown
from vqadata.sources.coco_vqa import CocoVqa


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("reported"))


def block(page: str, name: str) -> Any:
    found = re.search(rf'id="data-{name}">([^<]*)<', page)
    assert found is not None
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def column(table: dict[str, Any], name: str) -> list[Any]:
    values = table[name]
    return [values["values"][row] for row in values["rows"]] if isinstance(values, dict) else values


def test_every_lost_row_is_listed_once_with_its_finding(cleaned: Path) -> None:
    shards = open_shards(cleaned)
    complete = lists(shards)
    entries = pl.read_parquet(cleaned / "ledger.parquet")
    lost = entries.filter(pl.col("action").is_in(["dropped", "quarantined"]))
    assert complete.lost.height == lost.height > 20
    assert complete.lost["question_id"].to_list() == lost["question_id"].to_list()
    found = complete.findings.select("step", "code")[complete.lost["finding"].to_list()]
    assert found["step"].to_list() == lost["step"].to_list()
    assert found["code"].to_list() == lost["reason"].to_list()


def test_findings_hold_those_of_cleaners_and_those_of_convert(cleaned: Path) -> None:
    complete = lists(open_shards(cleaned))
    own = pl.read_parquet(cleaned / "findings.parquet")
    assert complete.findings[: own.height].select(own.columns).equals(own)
    convert_alone = complete.findings[own.height :]
    assert set(convert_alone["step"]) == {"convert"}
    assert {"missing-picture", "wrong-type"} <= set(convert_alone["code"])
    assert convert_alone["file"].null_count() == 0


def test_the_account_of_the_report_is_that_of_the_manifest(cleaned: Path) -> None:
    numbers = report(cleaned).report
    manifest = open_shards(cleaned).manifest
    assert (numbers.questions, numbers.dropped) == (manifest.questions, manifest.dropped)
    by_reason = Counter({loss.code: loss.rows for loss in numbers.losses})
    asked = manifest.balance[0]
    gone = {**asked.dropped, **asked.quarantined}
    assert {code: by_reason[code] for code in gone} == gone
    assert numbers.effects.after == manifest.questions
    assert numbers.effects.before - numbers.effects.after == sum(
        loss.rows for loss in numbers.losses if loss.step != "convert"
    )


def test_pictures_are_shown_also_those_that_were_dropped_or_masked(cleaned: Path) -> None:
    made = report(cleaned)
    held = block((cleaned / "report.html").read_text(), "pictures")
    found = lists(open_shards(cleaned)).findings
    dropped = found.filter(pl.col("code") == "near-duplicate")["digest"].to_list()
    masked = found.filter(pl.col("code") == "watermark")["digest"].to_list()
    assert set(dropped) | set(masked) | set(held["masked"].values()) <= set(held["thumbnails"])
    assert set(held["masked"]) == set(masked)
    assert held["evidence"]["evidence/reported/corner.png"][1:] == [120, 25]
    assert made.pictures == made.pictures_named  # of truncated ones what is left
    truncated = found.filter(pl.col("code") == "truncated")["digest"].to_list()
    assert truncated
    assert set(truncated) <= set(held["thumbnails"])


def test_a_second_cleaning_repeats_no_remark(cleaned: Path, tmp_path: Path) -> None:
    once = lists(open_shards(cleaned))
    left = open_shards(cleaned).questions(["question_id"])["question_id"].to_pylist()
    clean(cleaned, tmp_path / "again", [NearQuestion()])
    twice = lists(open_shards(tmp_path / "again"))
    assert twice.own == once.findings.filter(
        (pl.col("code") == "near-duplicate-question") & pl.col("question_id").is_in(left)
    ).height  # fmt: skip
    assert twice.lost["reason"].to_list() == once.lost["reason"].to_list()
    codes = twice.findings["code"][twice.lost["finding"].to_list()].to_list()
    assert codes == twice.lost["reason"].to_list()
    repeated = twice.findings.filter(pl.col("question_id").is_in(left)).group_by(
        "step", "code", "question_id"
    )
    assert repeated.len()["len"].max() == 1


def test_what_is_left_out_is_said(cleaned: Path, tmp_path: Path) -> None:
    options = ReportOptions(rows=5, pictures=2)
    made = report(cleaned, tmp_path / "small.html", options)
    page = (tmp_path / "small.html").read_text()
    total = sum(found.findings for found in made.report.findings)
    assert f"holds 5 of {total} findings" in page
    assert len(set(column(block(page, "findings"), "code"))) == 5
    assert made.pictures <= 2 < made.pictures_named
    assert f"{made.pictures} of {made.pictures_named} pictures that findings name are" in page


def test_a_folder_straight_from_convert_has_a_report(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.questions[5]["question"] = 7
    convert(CocoVqa(**vqa_files.write()), tmp_path / "shards")
    numbers = report(tmp_path / "shards").report
    codes = {found.code: found.action for found in numbers.findings}
    assert codes == {"wrong-type": "quarantine", "answers-without-question": "drop"}
    assert numbers.lists == {"ledger.parquet": 2}


def test_the_same_data_give_the_same_page(cleaned: Path, tmp_path: Path) -> None:
    report(cleaned, tmp_path / "a.html")
    report(cleaned, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_new_data_set_takes_the_old_report_away(vqa_files: VqaFiles, tmp_path: Path) -> None:
    from vqadata import OutputOptions

    source = CocoVqa(**vqa_files.write())
    convert(source, tmp_path / "shards")
    report(tmp_path / "shards")
    convert(source, tmp_path / "shards", OutputOptions(overwrite=True))
    assert not (tmp_path / "shards" / "report.html").exists()


def test_the_page_allows_its_own_program_and_nothing_else(cleaned: Path) -> None:
    report(cleaned)
    page = (cleaned / "report.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    program = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert policy
    assert program
    digest = base64.b64encode(hashlib.sha256(program[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy[1]
    assert policy[1].startswith("default-src 'none'")
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', page) == []
    assert " style=" not in page.partition("<body>")[2].partition("<script>")[0]


def test_fail_on_counts_codes_and_graver_severities(cleaned: Path) -> None:
    numbers = report(cleaned).report
    count = Counter[str]()
    for found in numbers.findings:
        count[found.severity] += found.findings
    got = failures(numbers, ["watermark", "error", "warning", "info", "nothing"])
    assert (
        got["watermark"] == sum(f.findings for f in numbers.findings if f.code == "watermark") > 0
    )
    assert got["error"] == count["error"]
    assert got["warning"] == count["error"] + count["warning"]
    assert (got["info"], got["nothing"]) == (count.total(), 0)


@pytest.mark.parametrize(("name", "status"), [("watermark", 1), ("error", 1), ("watermrak", 0)])
def test_the_command_says_and_exits(
    name: str, status: int, cleaned: Path, run_cli: Callable[..., Any]
) -> None:
    done = run_cli("report", cleaned, "--fail-on", name)
    assert done.returncode == status, done.stderr
    assert f"--fail-on {name}: " in done.stdout
    assert ("did you mean watermark?" in done.stdout) == (name == "watermrak")
    assert "the account adds up" in done.stdout


def test_json_holds_the_numbers(cleaned: Path, run_cli: Callable[..., Any]) -> None:
    done = run_cli("report", cleaned, "--json", "--fail-on", "gps")
    told = json.loads(done.stdout)
    assert (done.returncode, told["fail_on"]["gps"] > 0) == (1, True)
    assert told["report"]["adds_up"] is True
    assert Path(told["page"]).stat().st_size == told["bytes"]


def test_mistakes_are_named(cleaned: Path, tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="no such folder"):
        report(tmp_path / "nowhere")
    with pytest.raises(OptionError, match="is a folder; expected a file"):
        report(cleaned, tmp_path)
    with pytest.raises(VqaDataError, match="cannot be written"):
        report(cleaned, tmp_path / "no" / "such" / "folder.html")


HOSTILE = [
    "</script><script>window.pwned=1</script>", "<img src=x onerror=window.pwned=1>",
    "\" onload=\"x",
    "'><svg/onload=window.pwned=1>", "{{ 7*7 }}", "{% raw %}", "javascript:window.pwned=1", "<!--",
    "]]>", "\u202egpj.exe", "\u2028\u2029", "&lt;b&gt;", "=cmd|' /C calc'!A0", "\x00\x1b[31m",
]  # fmt: skip


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.odd: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.odd += [name for name, _ in attrs if name.startswith("on") or name == "srcdoc"]


def tags(page: str) -> _Tags:
    parser = _Tags()
    parser.feed(page)
    return parser


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=20), min_size=1, max_size=4))
def test_hostile_text_makes_no_element(words: list[str]) -> None:
    text = "".join(words).encode("utf-8", "replace").decode()
    one, plain = (page(_contents(value), 10) for value in (text, "plain"))
    ours = tags(one)
    ours.tags -= Counter(span=one.count('class="hidden-character"'))
    usual = tags(plain)
    assert +ours.tags == +usual.tags
    assert ours.odd == []
    assert column(block(one, "findings"), "evidence") == [text]


def _contents(text: str) -> Contents:
    from vqadata.reports.effects import Change, Distribution, Effects
    from vqadata.reports.lists import _no_rows
    from vqadata.reports.summary import Done, Found, Loss, Report
    from vqadata.shards.manifest import BalanceEntry, InputEntry, StepEntry

    finding = dict.fromkeys(
        ["command", "step", "code", "severity", "action", "digest", "path", "split", "question_id",
         "evidence", "details", "file", "text", "answer"], text,
    ) | {"questions": 1, "index": 0}  # fmt: skip
    finding["details"] = json.dumps({"other": {"path": text}})
    lost = _no_rows().drop("_entry").with_columns(finding=pl.lit(0, pl.Int64))
    row = {name: [text] for name in lost.columns} | {"index": [0], "part": [0], "finding": [0]}
    counts = {"records": 1, "seen": 1, "kept": 0, "dropped": {text: 1}, "quarantined": {}}
    spread = Distribution(field="answer", before=1, after=0, distinct_before=1, distinct_after=0,
                          distance=1, top=[Change(value=text, before=1, after=0)])  # fmt: skip
    numbers = Report(
        name=text, digest="0", questions=0, pictures=0, shards=0, seen=1, dropped=1, quarantined=0,
        adds_up=True, balance=[BalanceEntry(file=text, **counts)],
        losses=[Loss(step=text, action=text, code=text, rows=1)],
        findings=[Found(step=text, code=text, severity=text, action=text, findings=1, questions=1)],
        history=[Done(name=text, steps=[text], lost=1, left=0, findings=1, told=False,
                      losses=[Loss(step=text, action=text, code=text, rows=1)])] * 3,
        effects=Effects(before=1, after=0, distributions=[spread], shares=[], priors_before=None,
                        priors_after=None),
        inputs=[InputEntry(file=text, bytes=1, sha256=text)],
        steps=[StepEntry(step=text, name=text, options={text: text}, versions={text: text},
                         parent=None)],
        lists={text: 1},
    )  # fmt: skip
    return Contents(numbers, pl.DataFrame([finding]), pl.DataFrame(row, schema=lost.schema),
                Shown({}, []), {}, {text: None}, {text: text})  # fmt: skip


def test_every_kind_gets_its_share_of_a_capped_list() -> None:
    table = pl.DataFrame({"kind": ["a"] * 90 + ["b"] * 3 + ["c"] * 7, "n": range(100)})
    kept = chosen(table, ["kind"], 9)
    assert Counter(kept["kind"]) == {"a": 3, "b": 3, "c": 3}
    assert kept["n"].to_list() == sorted(kept["n"].to_list())
    assert chosen(table, ["kind"], 100).equals(table)


@given(st.lists(st.sampled_from(["a", "b", None]) | st.text(max_size=3), max_size=30))
def test_small_columns_hold_all_values(values: list[str | None]) -> None:
    assert column(columns({"x": values}), "x") == values
    assert packed(values) == packed(list(values))


def test_leakage_is_told_pair_by_pair() -> None:
    row = {"from": "train", "set": "", "to": "<test>", "leak-bytes": 3, "rows": 12}
    contents = _contents("plain")._replace(texts={LEAKAGE: json.dumps([row])})
    made = page(contents, 10)
    assert "<td>train</td><td> &lt;test&gt;</td>" in made
    assert re.search(r'href="#findings\?code=leak-bytes">3</a></td><td class="n">12</td>', made)
    for broken in ("[", "{}", "[1]"):
        assert leakage({LEAKAGE: broken}) == []


def test_text_that_cannot_be_seen_is_named() -> None:
    assert str(shown("plain")) == "plain"
    assert str(shown("<\u202e>")) == '&lt;<span class="hidden-character">U+202E</span>&gt;'
