"""The options of a training run and of an evaluation, declared once.

The fields are the keyword arguments in Python, the keys in YAML and the flags on the command line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from vqatrain.models.family import Part

View: TypeAlias = Literal["own", "blank", "shuffled"]
"""Which pictures a question is shown with."""


class DataOptions(BaseModel):
    """Which rows of which shards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shards: Path = Field(
        description="Folder of shards, written by vqadata.", json_schema_extra={"argument": True}
    )
    split: str | None = Field(None, description="Use only the rows of this split.")
    where: str | None = Field(
        None,
        description="Use only the rows that fulfil this SQL condition over the record's columns, "
        "such as \"answer_type = 'yes/no'\".",
    )


class PictureOptions(BaseModel):
    """How large pictures are shown to the model; one knob over all families."""

    max_pixels: int | None = Field(
        None,
        ge=1,
        description="Most pixels of a picture that the model sees; larger ones are scaled down. By "
        "default what the processor is set to, or what the run was trained with.",
    )
    max_tiles: int | None = Field(
        None,
        ge=1,
        description="The same, counted in tiles; for families that cut pictures into tiles.",
    )


class TrainConfig(DataOptions, PictureOptions):
    """Options of ``vqatrain run``."""

    model: str = Field(
        description="Folder or hub id of a vision-language model; tiny:FAMILY builds a small "
        "random model of the real architecture."
    )
    out: Path = Field(
        Path("runs/run"),
        description="Run folder; must not exist.",
        json_schema_extra={"short": "-o"},
    )
    vision_tower: str | None = Field(
        None,
        description="Folder or hub id of a vision tower to put before the language model --model, "
        "with a new projector; tiny:TYPE builds a small random one.",
    )
    tuning: Literal["full", "projector", "lora", "qlora"] = Field(
        "lora",
        description="Train all weights, the projector alone, adapters, or adapters on four-bit "
        "weights.",
    )
    freeze: list[Part] = Field(
        [], description="Do not train this part; may be given several times."
    )
    quantise: list[Part] = Field(
        ["language"],
        description="Give this part four-bit weights with qlora; may be given several times.",
    )
    lora_rank: int = Field(16, ge=1, description="Rank of the LoRA matrices.")
    lora_alpha: int = Field(32, ge=1, description="Scale of the LoRA update, divided by the rank.")
    lora_dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before the LoRA matrices.")
    lora_targets: str | None = Field(
        None,
        description="Regular expression of the modules that get adapters; by default the linear "
        "layers of the language model, as the family names them.",
    )
    learning_rate: float = Field(1e-4, gt=0, description="Peak learning rate.")
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="Course of the learning rate after the warm-up."
    )
    warmup_steps: int = Field(50, ge=0, description="Optimiser steps of linear warm-up.")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled weight decay of AdamW.")
    adam_beta2: float = Field(0.98, gt=0, lt=1, description="Second-moment decay of AdamW.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    batch_size: int = Field(
        8, ge=1, description="Questions a device and step; packed sequences come singly."
    )
    batching: Literal["shuffled", "by-length", "packed"] = Field(
        "shuffled",
        description="Rows of a batch: as they are shuffled, of like length, or several in one "
        "sequence that do not see each other.",
    )
    max_tokens: int | None = Field(
        None,
        ge=1,
        description="Longest row, and length of a packed sequence; by default the positions of "
        "the model, packed 4,096 at most.",
    )
    too_long: Literal["refuse", "skip"] = Field(
        "refuse", description="What to do with longer rows; none is ever cut."
    )
    gradient_accumulation: int = Field(1, ge=1, description="Batches an optimiser step.")
    epochs: float = Field(1.0, gt=0, description="Passes over the rows; max-steps wins over it.")
    max_steps: int | None = Field(None, ge=1, description="Optimiser steps.")
    first_where: str | None = Field(
        None,
        description="Curriculum: rows that fulfil this SQL condition are seen first, before the "
        "shuffled whole.",
    )
    first_rows: int | None = Field(
        None, ge=1, description="Examples of the curriculum; by default each fitting row once."
    )
    prompt_suffix: str = Field("", description="Text after every question, such as an instruction.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto: bf16 on an accelerator that knows it, else fp32."
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute activations twice to save memory."
    )
    distributed: str = Field(
        "ddp",
        description="What several processes share: ddp (the work), zero1, zero2, zero2_offload "
        "(also optimiser and gradients), zero3, zero3_offload, fsdp2 (also weights), or a JSON "
        "file of DeepSpeed or FSDP.",
    )
    liger: bool = Field(False, description="Use the GPU kernels of liger-kernel.")
    seed: int = Field(0, ge=0, description="Seed of weights, order and dropout.")
    workers: int = Field(
        0, ge=0, description="Processes that decode pictures; 0: none of their own."
    )
    threads: int | None = Field(None, ge=1, description="CPU threads of torch; by default its own.")
    logging_steps: int = Field(10, ge=1, description="Steps between two lines of the log.")
    save_steps: int | None = Field(
        None, ge=1, description="Steps between checkpoints; none if unset."
    )
    keep_checkpoints: int | None = Field(
        None, ge=1, description="Checkpoints that are kept, the newest ones; all if unset."
    )
    resume: Path | None = Field(
        None, description="Checkpoint to continue from, or a run: its newest whole one is taken."
    )
    eval_shards: Path | None = Field(
        None, description="Shards whose rows are answered now and then; by default those of SHARDS."
    )
    eval_split: str | None = Field(
        None, description="Split whose rows are answered now and then, to see the accuracy."
    )
    eval_steps: int = Field(100, ge=1, description="Steps between two looks at the accuracy.")
    eval_rows: int = Field(256, ge=1, description="Rows that are answered at each look, at most.")
    report_to: Literal["tensorboard", "wandb", "none"] = Field(
        "tensorboard",
        description="Where curves go; log.jsonl has them in any case. WANDB_MODE=offline keeps "
        "those of Weights & Biases in the run folder.",
    )

    @property
    def adapters(self) -> bool:
        """Whether adapters are trained, and not weights of the model."""
        return self.tuning in ("lora", "qlora")


class DpoConfig(TrainConfig):
    """Options of ``vqatrain dpo``: those of ``run``, and how answers are preferred."""

    learning_rate: float = Field(1e-5, gt=0, description="Peak learning rate.")
    beta: float = Field(
        0.1, gt=0, description="How strongly the model is held to what it was; larger is stronger."
    )
    loss: Literal["sigmoid", "hinge", "ipo", "robust", "apo_zero", "apo_down"] = Field(
        "sigmoid", description="Loss over a pair, in the words of TRL; sigmoid is that of DPO."
    )
    batching: Literal["shuffled", "by-length"] = Field(
        "shuffled", description="Rows of a batch: as they are shuffled, or of like length."
    )
    asked_rows: int = Field(
        64, ge=1, description="Rows that are answered before and after, to see whether it commits."
    )


class MetricOptions(DataOptions):
    """How answers are scored."""

    metric: list[str] = Field(
        default_factory=list,
        description="Metric to compute, of those that vqatrain metrics lists; may be given several "
        "times; all computes each. By default VQA accuracy, official and robust, and exact match.",
        json_schema_extra={"metavar": "NAME"},
    )


class ScoreConfig(MetricOptions):
    """Options of ``vqatrain score``."""

    predictions: Path = Field(
        description="File of predictions: ours, LLaVA's answers, EvalAI's or GQA's list, samples "
        "of lmms-eval.",
        json_schema_extra={"argument": True},
    )
    against: Path | None = Field(
        None, description="Predictions of another run on the same questions, to compare with."
    )
    missing: Literal["refuse", "wrong", "skip"] = Field(
        "refuse",
        description="What to do with questions that have no prediction: refuse to score, take them "
        "for answered with nothing, or score the others alone.",
    )
    upload: Path | None = Field(
        None, description="File to write for EvalAI: a list of question_id and answer."
    )


class AnswerOptions(PictureOptions):
    """Which model answers, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(description="Run folder, model folder or hub id.")
    adapter: Path | None = Field(None, description="Adapter folder to put on the model.")
    quantise: list[Part] = Field(
        [],
        description="Give this part four-bit weights, as qlora does in training; may be given "
        "several times.",
    )
    batch_size: int = Field(16, ge=1, description="Questions that are answered at a time.")
    max_new_tokens: int = Field(16, ge=1, description="Longest answer, in tokens.")
    prompt_suffix: str | None = Field(
        None, description="Text after every question; by default what the run was trained with."
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto: bf16 on an accelerator that knows it, else fp32."
    )
    provider: list[str] = Field(
        [],
        description="Provider of ONNX Runtime, such as CUDAExecutionProvider, for a model that was "
        "exported as onnx; may be given several times, the first choice first.",
    )
    threads: int | None = Field(None, ge=1, description="CPU threads of torch; by default its own.")


class EvalConfig(MetricOptions, AnswerOptions):
    """Options of ``vqatrain eval``."""

    out: Path = Field(
        Path("runs/eval"),
        description="Folder for predictions and scores; must not exist, or hold the same "
        "evaluation, unfinished.",
        json_schema_extra={"short": "-o"},
    )
    limit: int | None = Field(None, ge=1, description="Only so many rows, the first ones.")
    calibration: bool = Field(
        False,
        description="Write down how probable each answer was to the model, and how far that can be "
        "trusted.",
    )
    pictures: View = Field(
        "own",
        description="What is shown: each question's own pictures, blank ones of their size, or "
        "those of another question. A model that looks answers the last two worse.",
    )


class ProveConfig(BaseModel):
    """Options of ``vqatrain prove``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="Run folder.", json_schema_extra={"argument": True})
    shards: Path | None = Field(
        None, description="Shards with rows that were not trained on; by default those of the run."
    )
    split: str | None = Field(None, description="Use only the rows of this split.")
    where: str | None = Field(None, description="Use only the rows that fulfil this SQL condition.")
    limit: int | None = Field(500, ge=1, description="Rows that are answered, thrice.")
    batch_size: int = Field(16, ge=1, description="Questions that are answered at a time.")
    control_steps: int | None = Field(
        None,
        ge=1,
        description="Train so many steps once more, with the answers of other rows, to see that "
        "the loss stays higher; not done by default.",
    )
    threads: int | None = Field(None, ge=1, description="CPU threads of torch; by default its own.")


class InferConfig(AnswerOptions):
    """Options of ``vqatrain infer``."""

    model: str = Field(
        description="Run folder, model folder or hub id.", json_schema_extra={"argument": True}
    )
    image: Path | None = Field(None, description="A picture to ask about.")
    images: Path | None = Field(
        None, description="A folder of pictures, with subfolders, to ask about one by one."
    )
    file: Path | None = Field(
        None,
        description="JSON lines to answer: image (or images) and question; what else stands in a "
        "line is repeated in the output.",
    )
    image_root: Path | None = Field(
        None, description="Folder of the pictures that --file names; by default that of the file."
    )
    question: str | None = Field(
        None, description="The question; for --file that of lines without one."
    )
    out: Path | None = Field(
        None,
        description="File of JSON lines to write; by default they are printed.",
        json_schema_extra={"short": "-o"},
    )


class ServeConfig(AnswerOptions):
    """Options of ``vqatrain serve``."""

    model: str = Field(
        description="Run folder, model folder or hub id.", json_schema_extra={"argument": True}
    )
    engine: Literal["embedded", "vllm"] = Field(
        "embedded",
        description="What answers: this program, or vLLM, to which the model is handed over.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on; by default this machine's.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 for any.")
    name: str | None = Field(
        None, description="Name of the model for clients; by default that of its folder."
    )
    api_key: str | None = Field(
        None, description="Key that clients must give; better in the variable VQATRAIN_API_KEY."
    )
    allow_host: list[str] = Field(
        default_factory=list,
        description="Host from which pictures may be fetched that a request names by URL; may be "
        "given several times. Without it nothing is fetched.",
        json_schema_extra={"metavar": "HOST"},
    )
    max_new_tokens: int = Field(256, ge=1, description="Longest answer, in tokens.")
    max_waiting: int = Field(128, ge=1, description="Requests that wait at most; then 429.")
    max_request_mb: int = Field(32, ge=1, description="Largest request, in MiB; then 413.")
    max_pictures: int = Field(16, ge=0, description="Most pictures of a request; then 413.")
    max_picture_pixels: int = Field(
        50_000_000, ge=1, description="Largest picture, width x height; then 413."
    )
    max_waiting_pixels: int = Field(
        200_000_000,
        ge=1,
        description="Most pixels of all pictures that wait or are answered; then 429, or 413 if "
        "one request alone has more.",
    )
    max_letters: int = Field(50_000, ge=1, description="Most letters of a request; then 413.")
    audit_log: Path | None = Field(
        None, description="File that gets a line a request: no texts, no pictures."
    )


class WrittenModel(BaseModel):
    """Which model a command writes anew, with its adapter merged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        description="Run folder, or model folder or hub id of the base.",
        json_schema_extra={"argument": True, "metavar": "RUN"},
    )
    adapter: Path | None = Field(None, description="Adapter folder; that of the run by default.")
    threads: int | None = Field(None, ge=1, description="CPU threads of torch; by default its own.")


class MergeConfig(WrittenModel):
    """Options of ``vqatrain merge``."""

    out: Path = Field(
        Path("runs/merged"),
        description="Folder for the merged model; must not exist.",
        json_schema_extra={"short": "-o"},
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto: bf16 on an accelerator that knows it, else fp32."
    )
