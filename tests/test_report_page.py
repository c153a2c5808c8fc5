"""The page in a real browser: opened, filtered, searched, walked through by keys, attacked."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.reported import make
from tests.test_report import HOSTILE
from tests.test_report_history import chain
from vqadata import open_shards
from vqadata.reports.reporting import report

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def browser_path() -> str | None:
    """The browser to test with: the one that is named, or one that is installed."""
    return os.environ.get("VQADATA_CHROMIUM") or next(
        filter(None, map(shutil.which, BROWSERS)), None
    )


pytestmark = pytest.mark.skipif(browser_path() is None, reason="no Chromium: set VQADATA_CHROMIUM")


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make(tmp_path_factory.mktemp("page"), words=(" ".join(HOSTILE), HOSTILE[0]))
    report(folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Window:
    """A page of the browser, and everything that it complained about or asked the network for."""

    def __init__(self, context: Any) -> None:
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: Path, place: str = "") -> Any:
        self.page.goto(f"file://{path}#{place}")
        self.ready(place.partition("?")[0] or "overview")
        return self.page

    def ready(self, part: str) -> None:
        self.page.wait_for_selector(f"html[data-ready='{part}']", state="attached")


@pytest.fixture
def window(browser: Any, request: pytest.FixtureRequest) -> Iterator[Window]:
    size = getattr(request, "param", (1360, 900))
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    own = Window(context)
    yield own
    assert own.complaints == []
    assert [url for url in own.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()


def options(page: Any, part: str) -> Any:
    return page.locator(f"#explore-{part} [role=option]")


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = chain(tmp_path_factory.mktemp("chained"))
    shutil.rmtree(folder.parent / "b")
    report(folder)
    return folder / "report.html"


def test_the_rows_that_an_earlier_cleaning_took(window: Window, chained: Path) -> None:
    page = window.open(chained)
    command = page.locator("#history tbody tr", has_text="3 clean")
    lost = command.locator("td").nth(1).inner_text()
    command.get_by_role("link", name=f"sieved {lost}").click()
    window.ready("rows")
    found = page.locator("#explore-rows .found")
    assert found.inner_text().startswith(f"{lost} of ")
    options(page, "rows").first.click()
    assert "3 clean" in page.locator("#explore-rows .detail").inner_text()


@pytest.mark.parametrize("window", [(390, 844), (1200, 900)], indirect=True)
def test_the_history_fits_and_can_be_read(window: Window, chained: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = window.open(chained)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    told = page.locator("#history").inner_text()
    assert "does not lie beside this one" in told
    violations = axe.run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in violations] == []


def test_two_clicks_from_the_overview_to_a_lost_row_and_its_reason(
    window: Window, cleaned: Path
) -> None:
    page = window.open(cleaned / "report.html")
    page.get_by_role("link", name="truncated").first.click()
    window.ready("rows")
    assert page.locator("#explore-rows .found").inner_text() == "10 of 37 lost rows"
    options(page, "rows").first.click()
    told = page.locator("#explore-rows .detail").inner_text()
    assert "What color is the object?" in told
    assert "audit" in told
    assert "questions.json" in told


def test_filters_and_search_narrow_the_list(window: Window, cleaned: Path) -> None:
    page = window.open(cleaned / "report.html", "findings")
    found = page.locator("#explore-findings .found")
    total = int(found.inner_text().split()[0])
    page.locator("#explore-findings label", has_text="watermark").locator("input").check()
    assert found.inner_text() == f"3 of {total} findings"
    page.get_by_role("searchbox").fill("000000000028")
    sync_api.expect(found).to_have_text(f"1 of {total} findings")
    page.get_by_role("button", name="Clear").click()
    assert found.inner_text() == f"{total} findings"


def test_a_pair_stands_side_by_side_with_its_edit(window: Window, cleaned: Path) -> None:
    page = window.open(cleaned / "report.html", "findings?code=near-duplicate")
    options(page, "findings").first.click()
    detail = page.locator("#explore-findings .detail")
    widths = detail.locator("figure img").evaluate_all(
        "images => Promise.all(images.map((i) => i.decode().then(() => i.naturalWidth)))"
    )
    assert len(widths) == 2
    assert min(widths) > 100
    told = detail.inner_text()
    assert "crop" in told
    assert "2.5 % left" in told
    assert told.count("object?") == 2  # the questions that went with it


def test_marks_are_boxed_and_the_masked_picture_stands_beside(
    window: Window, cleaned: Path
) -> None:
    page = window.open(cleaned / "report.html", "findings?code=watermark")
    options(page, "findings").first.click()
    detail = page.locator("#explore-findings .detail")
    box = detail.locator("rect").first.evaluate(
        "r => ['x', 'y', 'width'].map((n) => r.getAttribute(n))"
    )
    assert box == ["206", "216", "100"]
    assert detail.locator("svg").first.get_attribute("viewBox") == "0 0 320 240"
    assert detail.locator("figcaption").all_inner_texts()[1:] == [
        "after masking", "evidence/reported/corner.png"
    ]  # fmt: skip


def test_a_picture_is_enlarged_and_put_back(window: Window, cleaned: Path) -> None:
    page = window.open(cleaned / "report.html", "pictures")
    page.locator("#evidence").get_by_role("button", name="Enlarge").first.click()
    large = page.locator("dialog.large")
    assert large.locator("img").is_visible()
    page.keyboard.press("Escape")
    sync_api.expect(large).to_have_count(0)


def test_keys_walk_the_list(window: Window, cleaned: Path) -> None:
    page = window.open(cleaned / "report.html", "rows")
    page.locator("#explore-rows-list").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    chosen = page.locator("#explore-rows [aria-selected=true]")
    assert chosen.get_attribute("aria-posinset") == "3"
    page.keyboard.press("End")
    assert chosen.get_attribute("aria-posinset") == chosen.get_attribute("aria-setsize") == "37"
    page.keyboard.press("Escape")
    assert page.locator("#explore-rows.opened").count() == 0


def test_every_picture_of_the_page_can_be_seen(window: Window, cleaned: Path) -> None:
    page = window.open(cleaned / "report.html", "pictures")
    shown = page.locator("#mosaic img").evaluate_all(
        "images => Promise.all(images.map((i) => i.decode().then(() => i.naturalWidth)))"
    )
    assert len(shown) > 20
    assert min(shown) > 0


@pytest.mark.parametrize("window", [(390, 844), (820, 1100)], indirect=True)
@pytest.mark.parametrize("part", ["overview", "rows", "findings", "pictures", "effects", "making"])
def test_nothing_sticks_out_on_a_narrow_screen(window: Window, part: str, cleaned: Path) -> None:
    page = window.open(cleaned / "report.html", part) if part in ("overview", "rows", "findings",
           "pictures") else window.page  # fmt: skip
    if part in ("effects", "making"):
        page.goto(f"file://{cleaned / 'report.html'}#{part}")
        page.wait_for_selector(f"#{part}:not([hidden])")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    if part in ("rows", "findings"):
        options(page, part).first.click()
        page.locator(f"#explore-{part} .detail .close").click()
        assert options(page, part).first.is_visible()


@pytest.mark.parametrize("window", [(390, 844), (1360, 900)], indirect=True)
def test_nothing_keeps_out_who_cannot_see_or_point(window: Window, cleaned: Path) -> None:
    """Contrast, labels, headings and order of keys, by the rules of axe-core."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for part in ("overview", "rows", "findings", "effects", "making"):
        page = window.page
        page.goto(f"file://{cleaned / 'report.html'}#{part}")
        page.wait_for_selector(f"#{part}:not([hidden])")
        if part in ("rows", "findings"):
            window.ready(part)
            options(page, part).first.click()
        if part == "effects":
            page.get_by_role("button", name="Light or dark").click()
        told = axe.run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in told] == []


def test_the_focus_stays_on_a_filter_that_was_ticked(window: Window, cleaned: Path) -> None:
    page = window.open(cleaned / "report.html", "findings")
    page.locator("#explore-findings label", has_text="watermark").locator("input").focus()
    page.keyboard.press("Space")
    focused = page.evaluate("[document.activeElement.value, document.activeElement.checked]")
    assert focused == ["watermark", True]


def test_light_and_dark(window: Window, cleaned: Path) -> None:
    page = window.open(cleaned / "report.html")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(paper) != light
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_hostile_text_is_text(window: Window, cleaned: Path) -> None:
    page = window.open(cleaned / "report.html", "findings?q=onerror")
    assert options(page, "findings").count() > 0
    options(page, "findings").first.click()
    told = page.locator("#explore-findings .question").inner_text()
    for words in (
        "</script><script>window.pwned=1</script>",
        "<img src=x onerror",
        "U+202E",
        "U+2028",
    ):
        assert words in told
    for part in ("overview", "effects", "making", "pictures"):
        page.goto(f"file://{cleaned / 'report.html'}#{part}")
    assert page.evaluate("window.pwned") is None
    assert page.locator("img[onerror], svg[onload]").count() == 0


def test_without_scripts_the_summary_is_there(browser: Any, cleaned: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"file://{cleaned / 'report.html'}")
    told = page.locator("body").inner_text()
    assert "Scripts are switched off" in told
    assert "Why rows were lost" in told
    assert "Side effects" in told
    context.close()


def test_a_hundred_thousand_findings_are_searched_while_one_types(
    window: Window, cleaned: Path, tmp_path: Path
) -> None:
    import polars as pl

    from vqadata.reports.lists import lists
    from vqadata.reports.page import Contents, page
    from vqadata.reports.summary import summary
    from vqadata.reports.thumbnails import Shown

    shards = open_shards(cleaned)
    complete = lists(shards)
    few = complete.findings
    many = pl.concat([few] * (100_000 // few.height + 1)).head(100_000)
    numbered = (pl.lit("item ") + pl.int_range(pl.len()).cast(pl.String)).alias("evidence")
    many = many.with_columns(numbered, text=pl.lit("What is it?"), answer=pl.lit("a"))
    contents = Contents(summary(shards, complete), many, complete.lost, Shown({}, []), {}, {}, {})
    path = tmp_path / "many.html"
    path.write_text(page(contents, 100_000), encoding="utf-8")
    opened = window.open(path, "findings")
    found = opened.locator("#explore-findings .found")
    sync_api.expect(found).to_have_text("100,000 findings")
    started = time.monotonic()
    opened.get_by_role("searchbox").fill("item 77777")
    sync_api.expect(found).to_have_text("1 of 100,000 findings")
    assert time.monotonic() - started < 5  # about 0.4 s; the machine may be busy
    assert options(opened, "findings").count() == 1
    opened.get_by_role("searchbox").fill("")
    sync_api.expect(found).to_have_text("100,000 findings")
    assert options(opened, "findings").count() < 60
