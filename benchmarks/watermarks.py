"""How well marks are found, and how fast: ``python -m benchmarks.watermarks``.

Three tables. Recurrent overlays: marks planted at one place of a share of the pictures, and the
pictures of VQA-RAD if they are there. Marks of single pictures, by kind, opacity and language, with
the pictures whose text is none, for five generators: the first was looked at while the rules were
made, the second was not, of the third only one of two banks of words, and the fourth and the fifth
were written before anything was measured with them. Pictures a second and core, for stage one and
for each engine.

    python -m benchmarks.watermarks --scale 1 --engine rapidocr
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks import fresh_marks, heldout_marks, lone_marks, planted_marks, unseen_marks
from benchmarks.planted_marks import Planted, font, photo, stamp
from vqadata import ocr
from vqadata.cleaning.engine_choice import choose, load
from vqadata.cleaning.text_engine import EngineOptions, TextEngine
from vqadata.discover import names
from vqadata.errors import VqaDataError
from vqadata.groundwork.digests import bytes_digest
from vqadata.images.view import View
from vqadata.overlay.finding import Overlay, find_overlays
from vqadata.overlay.tally import OverlayTally
from vqadata.overlay.template import see
from vqadata.watermarks.lexicon import Lexicon
from vqadata.watermarks.looking import look
from vqadata.watermarks.marks import Strings

REAL = Path(os.environ.get("VQADATA_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
PLACES = {"bottom-right": (13, 1.0, 1.0), "centre": (40, 0.5, 0.5), "top-left": (18, 0.0, 0.0)}
"""Size of letters in pixels, and place as shares of what is left of the picture beside the mark."""


def cpu() -> float:
    """Seconds of processor time so far, of this process and of those that it called."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def view_of(data: bytes, name: str = "") -> View:
    return View(name, bytes_digest(data), data)


def encoded(rgb: np.ndarray) -> bytes:  # type: ignore[type-arg]
    return cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def overlays(views: list[View]) -> list[Overlay]:
    by_digest = {view.digest: view for view in views}
    tally = OverlayTally()
    for view in views:
        tally.add(view, "g")

    def again(digests: Iterable[str]) -> Iterator[View]:
        wanted = set(digests)
        return (view for digest, view in by_digest.items() if digest in wanted)

    return find_overlays("g", tally.groups["g"], list(by_digest), again)


def stamped(rng: np.random.Generator, place: str, alpha: float) -> bytes:
    """A photo with a mark at a place."""
    rgb = photo(rng, 640)
    size, down, right = PLACES[place]
    letters = font("a", 0, size)
    wide = letters.getlength("PhotoHost.net") + 24
    height, width = rgb.shape[:2]
    y = 12 + size + down * (height - 2 * size - 24)
    x = wide / 2 + right * (width - wide)
    return encoded(stamp(rgb, "PhotoHost.net", letters, (x, y), 0, alpha, (255, 255, 255))[0])


def overlay_table(count: int, share: float) -> None:
    print(f"\nOverlays in {share:.0%} of {count} pictures: carriers told, others told")
    for place in PLACES:
        cells = []
        for alpha in (0.15, 0.25, 0.4, 0.6):
            rng = np.random.default_rng(int(alpha * 100))
            views, marked = [], set()
            for number in range(count):
                if number < share * count:
                    views.append(view_of(stamped(rng, place, alpha)))
                    marked.add(views[-1].digest)
                else:
                    views.append(view_of(encoded(photo(rng, 640))))
            told = {digest for overlay in overlays(views) for digest in overlay.carriers}
            cells.append(f"alpha {alpha}: {len(told & marked)}/{len(marked)}, {len(told - marked)}")
        print(f"  {place:13}", " | ".join(cells))


def medpix() -> None:
    """VQA-RAD, and 500 other pictures."""
    files = sorted((REAL / "vqa_rad" / "images").glob("*.jpg"))
    if not files:
        print("\nVQA-RAD is not here")
        return
    views = [view_of(file.read_bytes(), file.name) for file in files]
    start = cpu()
    found = overlays(views)[0]
    cost = (cpu() - start) / len(views)
    rng = np.random.default_rng(7)
    others = [view_of(encoded(photo(rng, int(rng.integers(300, 1000))))) for _ in range(500)]
    others += [view_of(encoded(case.rgb)) for case in heldout_marks.real_text()]
    told = sum(see(v.grey, v.digest, found.learnt.template).carries for v in others)
    here = f"{found.zone} in {len(found.carriers)} of {found.large_enough} large enough"
    rate = f"all of stage one {1 / cost:.0f} pictures/s/core"
    print(f"\nVQA-RAD: {here}; in {told} of {len(others)} others; {rate}")


def judge(engine: TextEngine, cases: list[Planted]) -> tuple[list[bool], float]:
    """Whether each picture is told to have a mark, and seconds of reading a picture."""
    readings = []
    start = cpu()
    for number, case in enumerate(cases):
        grey = cv2.cvtColor(case.rgb, cv2.COLOR_RGB2GRAY)
        looked = look(engine, case.rgb, grey)
        readings.append(looked.reading(str(number), "g", grey.shape, engine.sure))
    cost = (cpu() - start) / len(cases)
    strings = Strings(readings, Lexicon())
    return [bool(strings.marks(reading)) for reading in readings], cost


def mark_table(title: str, engine: TextEngine, cases: list[Planted]) -> None:
    told, cost = judge(engine, cases)
    groups: dict[str, list[bool]] = defaultdict(list)
    for case, one in zip(cases, told, strict=True):
        names_of = [case.kind]
        if case.marked:
            names_of += ["all marks", case.language, f"alpha {case.alpha}"]
        for name in names_of:
            groups[name].append(one)
    right = sum(groups["all marks"])
    recall, precision = right / len(groups["all marks"]), right / max(sum(told), 1)
    print(f"\n{title}, {engine.name}, {len(cases)} pictures, {1 / cost:.2f} pictures/s/core")
    print(f"  recall {recall:.3f}, precision {precision:.3f}")
    cells = [f"{name} {np.mean(group):.2f} ({len(group)})" for name, group in groups.items()]
    print("  " + " | ".join(sorted(cells)))


def speed_table(options: EngineOptions) -> None:
    """Pictures a second and core of stage one and of each engine that can run here."""
    rng = np.random.default_rng(1)
    views = [view_of(stamped(rng, "bottom-right", 0.5)) for _ in range(40)]
    tally = OverlayTally()
    start = cpu()
    for view in views:
        tally.add(view, "g")
    print(f"\nStage one, decoding included: {40 / (cpu() - start):.0f} pictures/s/core")
    for name in names(ocr):
        try:
            engine: Any = load(choose(name, options).name, options)
        except VqaDataError as error:
            print(f"  {name}: {str(error)[:90]}")
            continue
        engine.read(views[0].rgb)
        start = cpu()
        for view in views[:8]:
            engine.read(view.rgb)
        print(f"  {name}, 640 pixels: {8 / (cpu() - start):.2f} pictures/s/core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="how many pictures of each kind")
    parser.add_argument("--seed", type=int, default=2, help="another seed draws other pictures")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--models", type=Path, help="folder of weights for EasyOCR")
    options = parser.parse_args()
    reading = EngineOptions(options.models)
    speed_table(reading)
    medpix()
    overlay_table(120, 0.2)
    engine = load(choose(options.engine, reading).name, reading)
    makers = (
        ("First generator", planted_marks),
        ("Held out", heldout_marks),
        ("Third generator, words kept back", fresh_marks),
        ("Fourth generator", unseen_marks),
        ("Fifth generator, no mark twice", lone_marks),
    )
    for title, module in makers:
        mark_table(title, engine, list(module.planted(options.seed, options.scale)))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
