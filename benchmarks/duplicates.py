"""How well near-duplicates are found, and how fast a million hashes are joined.

``make bench-pictures`` runs it. Four sets with planted near-duplicates and look-alikes, by four
generators (:mod:`benchmarks.planted_pairs`, :mod:`benchmarks.planted_otherwise`,
:mod:`benchmarks.planted_frames`, :mod:`benchmarks.planted_rendered`); another ``--seed`` gives
others. Base photos are those that scikit-image and, where it is installed, scikit-learn ship;
``--photos DIR`` takes a folder of yours for the second and the fourth set and adds it to those of
the third. ``--only NAME`` measures one set, without the join of hashes.
"""

from __future__ import annotations

import argparse
import io
import resource
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from benchmarks import planted_frames, planted_otherwise, planted_pairs, planted_rendered
from benchmarks.planted_pairs import Planted
from vqadata.images.candidates import Crowd, candidates
from vqadata.images.hamming import Join, radius_for
from vqadata.images.likeness import CloseUp, close_up
from vqadata.images.near_pairs import Comparison, NearPair
from vqadata.images.perceptual import fingerprint
from vqadata.images.prints import Prints

MIRROR = "mirror"


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scenes", type=int, default=700, help="Base pictures of each set.")
    options.add_argument("--photos", type=Path, help="Folder of photos for the later sets.")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", choices=[*SETS], help="One set alone.")
    options.add_argument("--hashes", type=int, default=1_000_000)
    chosen = options.parse_args()
    own = None if chosen.photos is None else photos_in(chosen.photos)
    for name in SETS if chosen.only is None else [chosen.only]:
        quality(name, list(SETS[name](own, chosen.scenes, chosen.seed)))
    if chosen.only is None:
        join_table(chosen.hashes)


Photos = list[Image.Image] | None


def _pairs(_: Photos, scenes: int, seed: int) -> Iterator[Planted]:
    return planted_pairs.planted(planted_pairs.base_photos(), scenes, scenes // 8, seed)


def _otherwise(photos: Photos, scenes: int, seed: int) -> Iterator[Planted]:
    return planted_otherwise.planted(photos or planted_pairs.base_photos(), scenes, seed)


def _frames(photos: Photos, scenes: int, seed: int) -> Iterator[Planted]:
    return planted_frames.planted([*(photos or []), *planted_pairs.base_photos()], scenes, seed)


def _rendered(photos: Photos, scenes: int, seed: int) -> Iterator[Planted]:
    return planted_rendered.planted(photos or planted_pairs.base_photos(), scenes, seed)


SETS = {"pairs": _pairs, "otherwise": _otherwise, "frames": _frames, "rendered": _rendered}


def photos_in(folder: Path) -> list[Image.Image]:
    """The pictures of a folder that are large enough."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
            picture = Image.open(path)
            if min(picture.size) >= 250:
                found.append(picture.convert("RGB"))
    return found


def quality(name: str, pictures: list[Planted]) -> None:
    """Precision and recall, of both levels, by kind of edit."""
    start = time.process_time()
    found, notes = search(pictures)
    edits = Counter(
        p.kind
        for p in pictures
        if pictures[p.of].group == p.group and p.kind not in ("base", MIRROR)
    )
    print(f"\n### {name}: {len(pictures):,} pictures, {sum(edits.values())} planted edits\n")
    print("| level | precision | recall |", " | ".join(edits), "|")
    print("| --- |" + " ---: |" * (len(edits) + 2))
    for level, wanted in (("certain", {"certain"}), ("likely too", {"certain", "likely"})):
        pairs = [pair for pair in found if pair.level in wanted]
        right = [p for p in pairs if pictures[p.left].group == pictures[p.right].group]
        hits = Counter(pictures[pair.right].kind for pair in right)
        shares = [f"{hits[kind] / count:.2f}" for kind, count in edits.items()]
        precision, recall = len(right) / max(1, len(pairs)), len(right) / sum(edits.values())
        print(f"| {level} | {precision:.3f} | {recall:.3f} |", " | ".join(shares), "|")
    cost = (time.process_time() - start) * 1000 / len(pictures)
    print(f"\n{cost:.1f} ms of CPU a picture, decoding and fingerprints included", *notes)


def search(pictures: list[Planted]) -> tuple[list[NearPair], list[str]]:
    """All pairs that are found, and what was noted."""
    prints = Prints(pa.chunked_array([pa.array([of(p, "L") for p in pictures], pa.binary())]))

    of_place = prints.rows.tolist()  # plain pictures have no fingerprint, and no place

    def close_ups(places: Iterable[int]) -> dict[int, CloseUp]:
        return {p: close_up(pixels(pictures[of_place[p]], "RGB")) for p in places}

    notes: list[str] = []
    comparison = Comparison(prints, prints, (close_ups, close_ups))
    found = comparison.of(*candidates(prints, Crowd(notes)))
    return [p._replace(left=of_place[p.left], right=of_place[p.right]) for p in found], notes


def of(picture: Planted, mode: str) -> bytes | None:
    """The fingerprint of a picture."""
    return fingerprint(pixels(picture, mode))


def pixels(picture: Planted, mode: str) -> np.ndarray:
    """A picture decoded."""
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert(mode))


def join_table(count: int) -> None:
    """CPU seconds and memory of joining random hashes, one in twenty with a near one."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    print("\n| hashes | radius | pairs | CPU s | peak MB |\n| ---: | ---: | ---: | ---: | ---: |")
    for size in (count // 10, count):
        for radius in sorted({7, radius_for(size)}):
            own = hashes[:size].copy()
            flips = rng.integers(0, 64, (size // 20, radius), dtype=np.uint64)
            own[: size // 20] = own[size // 20 : size // 20 * 2] ^ np.bitwise_or.reduce(
                np.uint64(1) << flips, axis=1
            )
            start = time.process_time()
            pairs = sum(len(left) for left, _ in Join(np.unique(own), radius))
            took, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF)
            print(
                f"| {size:,} | {radius} | {pairs:,} | {took:.1f} | {peak.ru_maxrss / 1024:,.0f} |"
            )


if __name__ == "__main__":
    main()
