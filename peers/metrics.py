"""Hold the metrics against the codes that they are named after: ``make peers-metrics``.

    python -m peers.metrics FOLDER --count 100000

FOLDER holds the releases of ``requirements/metrics.txt``. The same random cases go through each
code and through our metric; every score must be the same to the last bit. ``--golden FILE`` writes
the scores of the codes into the file of golden vectors that the tests hold.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from peers.metric_cases import Case, cases, hits
from peers.metric_codes import Code, codes
from vqatrain.scoring.metric import Metric, all_metrics

BLOCK = 1000
"""Cases that are scored at a time."""


def main() -> None:
    """Compare, or write golden vectors."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="one metric; by default all")
    parser.add_argument("--golden", type=Path, help="the golden vectors to write")
    chosen = parser.parse_args()
    known, metrics = codes(chosen.folder), all_metrics()
    if chosen.golden is not None:
        write_golden(chosen.golden, known)
        return
    made = list(cases(chosen.count, chosen.seed))
    rule, times = hits(made).most_common()[-1]
    print(f"{len(made):,} cases, seed {chosen.seed}; each rule in {times:,} or more ({rule!r})")
    wrong = [
        compare(name, release, code, metrics[name], made)
        for name, (release, code) in known.items()
        if not chosen.only or name in chosen.only
    ]
    raise SystemExit(bool(sum(wrong)))


def compare(name: str, release: str, code: Code, metric: Metric, made: Sequence[Case]) -> int:
    """Print how many scores differ, with the first of them; how many."""
    scored, wrong = 0, []
    for start in range(0, len(made), BLOCK):
        part = made[start : start + BLOCK]
        for case, theirs in zip(part, code(part), strict=True):
            ours = metric.score(case.prediction, case.record())
            scored += theirs is not None
            if theirs is not None and ours != theirs:
                wrong.append((case, ours, theirs))
    print(f"{name}: {scored:,} cases as {release}, {len(wrong):,} differ", flush=True)
    for case, ours, theirs in wrong[:3]:
        print(f"  {case}: {ours}, there {theirs}")
    return len(wrong)


def write_golden(path: Path, known: dict[str, tuple[str, Code]]) -> None:
    """Let each code score the cases of a file of golden vectors; other scores stay as they are."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    made = [Case(one["prediction"], one["answers"], one["ids"]) for one in entries]
    for name, (_, code) in known.items():
        for entry, score in zip(entries, code(made), strict=True):
            entry["scores"][name] = score
    lines = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in entries)
    path.write_text("[" + ",\n".join(lines) + "]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
