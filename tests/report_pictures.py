"""Takes the pictures of the report that stand in ``docs/``: ``python -m tests.report_pictures``.

They are looked at before they are committed. The data set is drawn by :mod:`tests.reported`.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.reported import make
from tests.test_report_page import browser_path
from vqadata.reports.reporting import report

DOCS = Path(__file__).parent.parent / "docs"
SHOTS = [
    ("report-overview.png", "light", "overview", (1360, 900)),
    ("report-pair.png", "light", "findings?code=near-duplicate", (1360, 900)),
    ("report-dark.png", "dark", "findings?code=watermark", (1360, 900)),
]


def take(browser: Any, path: Path, shot: tuple[str, str, str, tuple[int, int]]) -> bytes:
    _, scheme, place, (width, height) = shot
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
    page, part = context.new_page(), place.partition("?")[0]
    page.goto(f"file://{path}#{place}")
    page.wait_for_selector(f"html[data-ready='{part}']", state="attached")
    if part == "findings":
        page.locator("#explore-findings [role=option]").first.click()
    page.wait_for_timeout(300)  # pictures are decoded
    return bytes(page.screenshot())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        report(make(Path(folder), 400))
        browser = play.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        for shot in SHOTS:
            data = take(browser, Path(folder) / "clean" / "report.html", shot)
            Image.open(io.BytesIO(data)).convert("RGB").quantize(256).save(DOCS / shot[0])
        browser.close()


if __name__ == "__main__":
    main()
