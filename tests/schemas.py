"""The published JSON Schemas; ``python -m tests.schemas`` rewrites them from the models."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from vqadata.exporting.receipt import Receipt, Remark
from vqadata.ledger import LedgerEntry
from vqadata.record import Record
from vqadata.reports.summary import Reported
from vqadata.shards.manifest import Manifest
from vqatrain.batches.contract import Contract
from vqatrain.config import (
    DpoConfig,
    EvalConfig,
    MergeConfig,
    ProveConfig,
    TrainConfig,
)
from vqatrain.delivering.config import ExportConfig
from vqatrain.delivering.downloading import Fetched
from vqatrain.delivering.exporting import Exported
from vqatrain.delivering.merging import Merge
from vqatrain.planning.planning import Plan
from vqatrain.scoring.scoring import Scores
from vqatrain.training.card import Card
from vqatrain.training.gates import Gates
from vqatrain.training.proof import LabelProof

FOLDER = Path(__file__).parent.parent / "schemas"

PUBLISHED: dict[str, type[BaseModel]] = {
    "record": Record,
    "ledger-entry": LedgerEntry,
    "manifest": Manifest,
    "report": Reported,
    "export-receipt": Receipt,
    "export-remark": Remark,
    "train-config": TrainConfig,
    "dpo-config": DpoConfig,
    "eval-config": EvalConfig,
    "merge-config": MergeConfig,
    "prove-config": ProveConfig,
    "model-export-config": ExportConfig,
    "model-export": Exported,
    "download": Fetched,
    "scores": Scores,
    "preprocessing": Contract,
    "label-proof": LabelProof,
    "gates": Gates,
    "run-card": Card,
    "plan": Plan,
    "merge": Merge,
}


def text_of(name: str) -> str:
    """The schema as it stands in the file."""
    schema = PUBLISHED[name].model_json_schema()
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    for name in PUBLISHED:
        (FOLDER / f"{name}.schema.json").write_text(text_of(name), encoding="utf-8")


if __name__ == "__main__":
    main()
