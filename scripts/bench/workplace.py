"""What is measured and on what: the models, their inputs and the programs.

Everything is written once, from a seed, into a folder that is removed at the end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from contenders import LIMIT_S, BenchError, Command, Contender, Turns
from inputs import write_rows, write_sequences
from predictions import Predicting

HERE = Path(__file__).resolve().parent
# Seed of the networks' weights.
SEED = 1
# Parts of a batch, as the training stages have them by default.
SHARDS = 4
# Repetitions of a contender before it counts as prepared.
WARM_UP = 2
# The k-mers that networks read, and the tokens of a window with CLS.
K, TOKENS = 6, 502
# Taxa of the paper's ranks.
TAXA = [4, 62, 671]
# Bases of a short read.
READ = 150
# The k-mers and the window of the tokenizers, which are BERTax's.
TOKENIZER_K, TOKENIZER_WINDOW = 3, 1500


@dataclass(frozen=True)
class Model:
    """Shape of a classifier and of the transformer Explainer, with the rows it is measured on."""

    name: str
    dim: int
    layers: int
    heads: int
    feed_forward: int
    # Rows of a training step, and of one inference call of the other engines.
    batch: int
    # Rows of one repetition of inference: enough batches to keep two threads busy.
    inference_rows: int
    tokens: int = TOKENS

    def shape(self) -> dict[str, Any]:
        """The shape as a job has it."""
        names = ["tokens", "dim", "layers", "heads", "feed_forward"]
        return {"k": K, "taxa": TAXA, **{name: getattr(self, name) for name in names}}


# So many times the rows of a transformer's repetition.
ROWS_OF_CONVOLUTIONS = 8

MODEL_A = Model("A", dim=128, layers=4, heads=4, feed_forward=512, batch=16, inference_rows=64)
MODEL_B = Model("B", dim=256, layers=12, heads=4, feed_forward=1024, batch=8, inference_rows=32)


@dataclass(frozen=True)
class Bench:
    """One measured thing: its kind in a job and the model it is measured on."""

    kind: str
    model: Model
    # `transformer` or `convolutional`, where there is an Explainer.
    explainer: str | None = None

    @property
    def is_training(self) -> bool:
        return self.kind.endswith("-step")

    @property
    def rows(self) -> int:
        """Rows of one repetition. A convolutional Explainer is fast: more rows, so that waking up
        is no part of the time."""
        if self.is_training:
            return self.model.batch
        is_fast = self.kind == "mask-inference" and self.explainer == "convolutional"
        return self.model.inference_rows * (ROWS_OF_CONVOLUTIONS if is_fast else 1)

    @property
    def name(self) -> str:
        names = {
            "classifier-step": "classifier step",
            "frozen-step": "frozen step",
            "explainer-step": f"{self.explainer} Explainer step",
            "forward": "forward",
            "mask-inference": f"{self.explainer} mask inference",
        }
        return f"{names[self.kind]} {self.model.name}"


def threads_named(threads: int) -> str:
    """A number of threads in words."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def job(work: dict[str, Any], threads: int, precision: str = "f32", warm_up: int = WARM_UP) -> dict[str, Any]:
    """A job as the protocol has it."""
    return {"threads": threads, "precision": precision, "warm_up": warm_up, "work": work}


class Workplace:
    """A folder for the inputs, and the programs that use them."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self.binaries = binaries
        # Written at first use, once.
        self.models: Callable[[Model], Path] = cache(self._models)
        self.sequences: Callable[[int, int], Path] = cache(self._sequences)
        self.tokens: Callable[[int], Path] = cache(self._tokens)
        self.planted_tokens: Callable[[int], Path] = cache(self._planted_tokens)
        self.planted_models: Callable[[], Path] = cache(self._planted_models)

    def ours(self, bench: Bench, threads: int, precision: str = "f32") -> Turns:
        """Our contender."""
        label = f"ours {precision}, {threads_named(threads)}"
        return Contender(label, [self.binary("bench")], job(self.work(bench), threads, precision))

    def theirs(self, engine: str, bench: Bench, threads: int, precision: str = "f32") -> Turns:
        """Another engine's contender."""
        label = f"{engine} {precision}, {threads_named(threads)}"
        command = [sys.executable, str(HERE / "engines.py"), engine, str(bench.model.batch)]
        return Contender(label, command, job(self.work(bench), threads, precision))

    def work(self, bench: Bench) -> dict[str, Any]:
        """What a repetition of `bench` does, as a job has it."""
        folder = self.models(bench.model)
        files = {"models": folder, "ids": folder / "ids.u32", "labels": folder / "labels.u32"}
        examples = {**{name: str(file) for name, file in files.items()}, "rows": bench.rows}
        work: dict[str, Any] = {"kind": bench.kind, "examples": examples}
        if bench.is_training:
            work["shards"] = SHARDS
        if bench.explainer is not None:
            work["explainer"] = bench.explainer
        return work

    def parse(self, sequences: Path) -> Turns:
        """Our contender, which only reads the records of a file."""
        work = {"kind": "parse", "sequences": str(sequences)}
        return Contender("needletail alone", [self.binary("bench")], job(work, 1))

    def dictionary_tokenizer(self, sequences: Path) -> Turns:
        """BERTax's tokenizer in Python."""
        command = [sys.executable, str(HERE / "dictionary_tokenizer.py")]
        shape = {"k": TOKENIZER_K, "window": TOKENIZER_WINDOW}
        work = {"kind": "tokenize", "sequences": str(sequences), **shape}
        return Contender("BERTax's tokenizer", command, job(work, 1, warm_up=1))

    def stage(self, name: str, threads: int, *arguments: object) -> Command:
        """A stage as a program that starts, does its work and ends."""
        command = [self.binary(name), *map(str, arguments), "--threads", str(threads), "--quiet"]
        return Command(f"{name}, {threads_named(threads)}", command, threads)

    def tokenize(self, sequences: Path, threads: int) -> Turns:
        """The stage tokenize on a file of [`Workplace.sequences`]."""
        shape = ["--k", str(TOKENIZER_K), "--window", str(TOKENIZER_WINDOW)]
        output = self.folder / "tokenized.parquet"
        return self.stage("tokenize", threads, sequences, "--output", output, *shape)

    def mask(self, windows: int, threads: int) -> Turns:
        """The stage mask on as many windows, with the transformer Explainer of model A."""
        inputs = ["--tokens", self.tokens(windows)]
        inputs += ["--explainer", self.models(MODEL_A) / "transformer"]
        return self.stage("mask", threads, *inputs, "--output", self.folder / "masks.parquet")

    def predict(self, windows: int, threads: int) -> Turns:
        """The stage predict on as many windows, with the classifier of model A."""
        return self._predicting("predict", windows, threads)

    def perturb(self, windows: int, threads: int, limit: int) -> Turns:
        """The stage perturb on `limit` of as many windows, with one mask of each."""
        self.mask(windows, threads).run()
        options = ["--masks", self.folder / "masks.parquet", "--limit", limit]
        return self._predicting("perturb", windows, threads, *options)

    @property
    def perturbations(self) -> Path:
        """The table that perturb writes."""
        return self.folder / "perturb.parquet"

    def _predicting(self, name: str, windows: int, threads: int, *options: object) -> Turns:
        inputs = ["--tokens", self.tokens(windows), "--classifier", self.models(MODEL_A) / "classifier"]
        output = self.folder / f"{name}.parquet"
        stage = self.stage(name, threads, *inputs, *options, "--output", output)
        return Predicting(stage, self.perturbations, output if name == "predict" else None)

    def predict_reads(self, reads: int) -> Turns:
        """The stage predict on as many reads of `READ` random bases, windows and records, with every
        text."""
        sequences = self.sequences(reads * READ, READ)
        tokens = self.folder / f"{reads}.reads.parquet"
        self.do("tokenize", sequences, "--output", tokens)
        inputs = ["--tokens", tokens, "--classifier", self.planted_models() / "classifier"]
        texts = {"records": "parquet", "tsv": "tsv", "kraken-report": "txt", "krona": "txt"}
        outputs = ["--output", tokens.with_suffix(".windows")]
        for option, ending in texts.items():
            outputs += [f"--{option}", tokens.with_suffix(f".{option}.{ending}")]
        return self.stage("predict", 1, *inputs, *outputs)

    def binary(self, name: str) -> str:
        """The binary of a stage, or of our contender."""
        return str(self.binaries / f"readlens-{name}")

    def do(self, name: str, *arguments: object) -> None:
        """Runs a stage to prepare something."""
        self.stage(name, 1, *arguments).run()

    def _models(self, model: Model) -> Path:
        """The directory of a model's networks, with the rows they are measured on."""
        folder = self.folder / f"model-{model.name}"
        work = {"kind": "models", "directory": str(folder), "seed": SEED, "shape": model.shape()}
        command = self.binary("bench")
        order = json.dumps(job(work, 1)).encode()
        try:
            done = subprocess.run([command], input=order, capture_output=True, timeout=LIMIT_S, check=False)
        except OSError as e:
            raise BenchError(f"{command} cannot be run: {e.strerror}") from None
        if done.returncode != 0:
            raise BenchError(f"{command} cannot write models:\n{done.stderr.decode(errors='replace')}")
        rows = max(model.batch, model.inference_rows * ROWS_OF_CONVOLUTIONS)
        write_rows(folder, rows, model.tokens, K, TAXA)
        return folder

    def _sequences(self, bases: int, length: int) -> Path:
        """A FASTA file of records of `length` random bases, with at least `bases` of them."""
        file = self.folder / f"{bases}-{length}.fasta"
        write_sequences(file, bases, length)
        return file

    def _tokens(self, windows: int) -> Path:
        """A token table of as many windows of `TOKENS` tokens, each of a record of its own."""
        length = (TOKENS - 1) * K
        sequences = self.sequences(windows * length, length)
        table = self.folder / f"{windows}.tokens.parquet"
        self.do("tokenize", sequences, "--output", table, "--k", str(K))
        return table

    def _planted_tokens(self, windows: int) -> Path:
        """A token table of as many short simulated windows of the split test."""
        folder = self.folder / f"planted-{windows}"
        table = folder / "tokens.parquet"
        records = ["--train", "300", "--valid", "50", "--test", str(windows)]
        self.do("simulate", "--output", folder, *records, "--length", "240", "--length-spread", "24")
        taxonomy = ["--taxonomy", folder / "taxonomy.tsv", "--split-column", "split"]
        self.do("tokenize", folder / "sequences.fasta", "--output", table, *taxonomy)
        return table

    def _planted_models(self) -> Path:
        """A folder with a small classifier and its Explainer, hardly trained."""
        tokens = ["--tokens", self.planted_tokens(100)]
        folder = self.folder / "planted-models"
        classifier = folder / "classifier"
        training = ["--preset", "tiny", "--epochs", "1", "--output", classifier]
        self.do("train-classifier", *tokens, *training)
        training = ["--classifier", classifier, "--preset", "hard", "--epochs", "1"]
        training += ["--output", folder / "explainer"]
        self.do("train-explainer", *tokens, *training)
        return folder

    def planted_mask(self, windows: int) -> Turns:
        """The stage mask on many short windows with a small Explainer: its time is in the
        tables."""
        tokens = self.planted_tokens(windows)
        inputs = ["--tokens", tokens, "--explainer", self.planted_models() / "explainer"]
        output = ["--output", tokens.with_name("masks.parquet"), "--split", "test"]
        return self.stage("mask", 1, *inputs, *output)

    def evaluate(self, windows: int) -> Turns:
        """The stage evaluate on many short windows."""
        self.planted_mask(windows).run()
        tokens = self.planted_tokens(windows)
        tables = ["--tokens", tokens, "--masks", tokens.with_name("masks.parquet")]
        perturbations = tokens.with_name("perturbations.parquet")
        classifier = ["--classifier", self.planted_models() / "classifier"]
        self.do("perturb", *tables, *classifier, "--output", perturbations)
        output = ["--output", tokens.with_name("metrics.parquet")]
        return self.stage("evaluate", 1, *tables, "--perturbations", perturbations, *output)
