"""The published JSON Schemas; ``python -m tests.schemas`` rewrites them from the models."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from vqadata.ledger import LedgerEntry
from vqadata.receipt import Receipt, Remark
from vqadata.record import Record
from vqadata.reports.summary import Reported
from vqadata.shards.manifest import Manifest
from vqatrain.card import Card
from vqatrain.config import (
    DpoConfig,
    EvalConfig,
    MergeConfig,
    ProveConfig,
    TrainConfig,
)
from vqatrain.contract import Contract
from vqatrain.delivery_config import ExportConfig
from vqatrain.downloading import Fetched
from vqatrain.exporting import Exported
from vqatrain.gates import Gates
from vqatrain.merging import Merge
from vqatrain.planning import Plan
from vqatrain.proof import LabelProof
from vqatrain.scoring import Scores

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
