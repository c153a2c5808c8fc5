"""The page of an evaluation: what stands on it, in a real browser, with hostile answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.test_report import HOSTILE
from tests.test_report_page import browser_path
from vqadata.errors import VqaDataError
from vqatrain.config import DataOptions
from vqatrain.data import Questions
from vqatrain.reports.reporting import common, report
from vqatrain.scoring.evaluation import COPIED, PREDICTIONS, SCORES
from vqatrain.scoring.metric import choose_metrics
from vqatrain.scoring.scoring import Answered, summarise


def evaluation(folder: Path, shards: Path, said: list[str]) -> Path:
    """An evaluation as the command leaves it, of these answers in turn."""
    folder.mkdir()
    questions, metrics = Questions(DataOptions(shards=shards)), choose_metrics()
    records = list(questions.records())
    rows = [Answered(record, said[n % len(said)]) for n, record in enumerate(records)]
    lines = [
        {name: row.record[name] for name in COPIED} | {
            "prediction": row.prediction,
            "scores": {n: m.score(row.prediction, row.record) for n, m in metrics.items()},
        }
        for row in rows
    ]  # fmt: skip
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (folder / PREDICTIONS).write_text(text + "\n", encoding="utf-8")
    scores = summarise(rows, metrics, "runs/<b>first", questions.shards.digest)
    (folder / SCORES).write_text(scores.model_dump_json())
    return folder


@pytest.fixture
def page(shards: Path, tmp_path: Path) -> Path:
    folder = evaluation(tmp_path / "here", shards, ["red", "I cannot tell.", "red\u2028", *HOSTILE])
    blank = evaluation(tmp_path / "blank", shards, ["purple"])
    other = evaluation(tmp_path / "other", shards, ["red", "blue", "green", "yellow"])
    return report(folder, DataOptions(shards=shards), blank, [other])


def test_what_is_said_is_counted_beside_what_is_known() -> None:
    lines = [{"prediction": "Red", "answer": "red"}, {"prediction": "red ", "answer": "blue"}]
    assert common(lines) == [("red", 2, 1), ("blue", 0, 1)]


def test_the_page_is_the_same_twice_and_asks_for_a_whole_evaluation(
    page: Path, shards: Path, tmp_path: Path
) -> None:
    before = page.read_bytes()
    report(page.parent, DataOptions(shards=shards), tmp_path / "blank", [tmp_path / "other"])
    assert page.read_bytes() == before
    (tmp_path / "empty").mkdir()
    with pytest.raises(VqaDataError, match="a finished evaluation"):
        report(tmp_path / "empty", DataOptions(shards=shards), None, [])


@pytest.mark.skipif(browser_path() is None, reason="no Chromium: set VQADATA_CHROMIUM")
def test_in_a_browser_it_shows_scores_rows_and_pictures(page: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    complaints: list[str] = []
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        view = browser.new_page()
        view.on("console", lambda message: complaints.append(message.text))
        view.on("pageerror", lambda error: complaints.append(str(error)))
        view.on("dialog", lambda dialog: complaints.append(dialog.message))
        view.goto(f"file://{page}#overview")
        view.wait_for_selector("html[data-ready='overview']", state="attached")
        told = view.locator("#overview").inner_text()
        for words in ("runs/<b>first", "Against other", "worse", "Does it look at the pictures?"):
            assert words in told
        shown = _worst(view)
        browser.close()
    assert complaints == []
    assert shown["width"] > 0
    assert shown["found"] < shown["all"]


def _worst(view: Any) -> dict[str, int]:
    """Open the worst rows, and search them."""
    view.locator(".tabs a[href='#worst']").click()
    view.wait_for_selector("html[data-ready='worst']", state="attached")
    rows = view.locator("#rows .row")
    every = rows.count()
    width = view.locator("#rows img").first.evaluate("i => i.decode().then(() => i.naturalWidth)")
    view.locator("#search").fill("cannot tell")
    return {"all": every, "width": width, "found": view.locator("#rows .row:visible").count()}
