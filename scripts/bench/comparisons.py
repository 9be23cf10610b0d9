"""What is compared with what, and how much is required."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contenders import BenchError, Measurement, Turns
from predictions import DONORS, passes
from workplace import MODEL_A, MODEL_B, TOKENS, Bench, Model, Workplace, threads_named

# Windows of the paper's test set.
PAPER_WINDOWS = 103_638
# Bases of a record in the tokenizers' files.
RECORD = 30_000


@dataclass(frozen=True)
class Bound:
    """What a ratio must reach, and what would be better still."""

    required: float
    stretch: float
    larger_is_better: bool = False

    def holds(self, ratio: float) -> bool:
        return ratio >= self.required if self.larger_is_better else ratio <= self.required

    def __str__(self) -> str:
        sign = ">=" if self.larger_is_better else "<="
        return f"{sign}{self.required:g}\t{sign}{self.stretch:g}"


TRAINING = Bound(0.60, 0.45)
TRAINING_BF16 = Bound(0.85, 0.65)
INFERENCE = Bound(0.55, 0.30)
OPENVINO = Bound(1.0, 0.85)
OPENVINO_BF16 = Bound(1.2, 0.95)
MEMORY = Bound(0.35, 0.25)
FLAT = Bound(1.10, 1.0)
TWO_CORES = Bound(1.8, 1.95, larger_is_better=True)
PREDICTING = Bound(1.05, 1.0)
PAPER_MASKS = Bound(1200.0, 600.0)
TOKENIZING = Bound(0.25, 0.5, larger_is_better=True)


@dataclass(frozen=True)
class Figure:
    """A number about a contender."""

    label: str
    of: Callable[[Measurement], float]


def time_of(label: str) -> Figure:
    """Median milliseconds."""
    return Figure(label, lambda found: found.median)


def peak_of(label: str) -> Figure:
    """Peak memory in MB."""

    def megabytes(found: Measurement) -> float:
        if found.peak_kb == 0:
            raise BenchError(f"{label}: its peak memory is hidden behind the driver's own")
        return found.peak_kb / 1024

    return Figure(label, megabytes)


def rate_of(label: str, file: Callable[[], Path]) -> Figure:
    """GB of `file` per second."""
    return Figure(label, lambda found: file().stat().st_size / found.median / 1e6)


@dataclass(frozen=True)
class Comparison:
    """A row: ours over theirs, or ours alone where there is no other side."""

    name: str
    ours: Figure
    theirs: Figure | None
    bound: Bound | None

    def labels(self) -> set[str]:
        return {self.ours.label} | ({self.theirs.label} if self.theirs else set())


@dataclass
class Round:
    """Contenders that take turns, and what is compared of them."""

    repetitions: int
    makers: dict[str, Callable[[], Turns]] = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)
    # Contenders that compute the same numbers: label, the label it must agree with, tolerance.
    agreements: list[tuple[str, str, float]] = field(default_factory=list)


# Largest difference of two contenders' values, relative to the largest value. Losses of training
# steps have been through AdamW, whose first steps are signs of gradients; bf16 has 8 bits.
TOLERANCE = 1e-4
TOLERANCE_OF_LOSSES = 2e-3
TOLERANCE_OF_BF16 = 5e-2


def check_agreement(found: Mapping[str, Measurement], of: str, other: str, tolerance: float) -> None:
    """Refuses contenders that did not compute the same: their times would mean nothing."""
    if of not in found or other not in found:
        return
    ours, theirs = found[of].values, found[other].values
    if not ours or len(ours) != len(theirs):
        raise BenchError(f"{of} and {other} give {len(ours)} and {len(theirs)} values")
    largest = max(abs(value) for value in theirs)
    difference = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    # Written so that a value that is not a number does not pass.
    if not difference <= tolerance * largest:
        raise BenchError(
            f"{of} and {other} do not compute the same: they differ by {difference:.3g} where the largest "
            f"value is {largest:.3g}, and {tolerance:g} of it is allowed"
        )


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    models: tuple[Model, ...]
    # Repetitions per model.
    repetitions: Mapping[str, int]
    # Windows for the extrapolation to the paper's, bases of FASTA, and windows for the memory at
    # 1x.
    mask_windows: int
    bases: int
    planted_windows: int
    # Windows that perturb is given, and reads for the memory of predict at 1x.
    perturbed_windows: int
    reads: int


FULL = Effort((MODEL_A, MODEL_B), {"A": 7, "B": 3}, 4096, 143_000_000, 32_768, 64, 100_000)
QUICK = Effort((MODEL_A,), {"A": 3}, 1024, 40_000_000, 32_768, 16, 100_000)


def benches(model: Model) -> list[Bench]:
    """Everything that is measured on a model."""
    kinds = ["transformer", "convolutional"]
    return [
        Bench("classifier-step", model),
        Bench("frozen-step", model),
        *(Bench("explainer-step", model, kind) for kind in kinds),
        Bench("forward", model),
        *(Bench("mask-inference", model, kind) for kind in kinds),
    ]


def network_round(place: Workplace, bench: Bench, threads: int, repetitions: int) -> Round:
    """Our contender against the other engines."""
    name = f"{bench.name}, {threads_named(threads)}"
    tolerance = TOLERANCE_OF_LOSSES if bench.kind in LOSSES else TOLERANCE
    found = Round(repetitions)
    found.makers["ours"] = lambda: place.ours(bench, threads)
    found.makers["PyTorch"] = lambda: place.theirs("torch", bench, threads)
    bound = TRAINING if bench.is_training else INFERENCE
    found.comparisons.append(Comparison(f"{name}: PyTorch f32", time_of("ours"), time_of("PyTorch"), bound))
    found.agreements.append(("ours", "PyTorch", tolerance))
    if bench.kind == "classifier-step":
        found.makers["PyTorch bf16"] = lambda: place.theirs("torch", bench, threads, "bf16")
        found.comparisons += [
            Comparison(
                f"{name}: PyTorch bf16 autocast", time_of("ours"), time_of("PyTorch bf16"), TRAINING_BF16
            ),
            Comparison(f"peak MB of {name}: PyTorch f32", peak_of("ours"), peak_of("PyTorch"), MEMORY),
        ]
        found.agreements.append(("PyTorch bf16", "PyTorch", TOLERANCE_OF_BF16))
    if bench.kind == "forward":
        found.makers["OpenVINO"] = lambda: place.theirs("openvino", bench, threads)
        found.makers["ONNX Runtime"] = lambda: place.theirs("onnxruntime", bench, threads)
        found.makers["ours bf16"] = lambda: place.ours(bench, threads, "bf16")
        found.makers["OpenVINO bf16"] = lambda: place.theirs("openvino", bench, threads, "bf16")
        rows = [
            ("OpenVINO f32", "ours", "OpenVINO", OPENVINO),
            ("ONNX Runtime f32", "ours", "ONNX Runtime", None),
            ("bf16 both, OpenVINO", "ours bf16", "OpenVINO bf16", OPENVINO_BF16),
        ]
        found.comparisons += [
            Comparison(f"{name}: {other}", time_of(ours), time_of(theirs), bound)
            for other, ours, theirs, bound in rows
        ]
        f32 = ["OpenVINO", "ONNX Runtime"]
        found.agreements += [(label, "PyTorch", TOLERANCE) for label in f32]
        bf16 = ["ours bf16", "OpenVINO bf16"]
        found.agreements += [(label, "PyTorch", TOLERANCE_OF_BF16) for label in bf16]
    return found


# Benches whose values are losses of the first steps.
LOSSES = {"classifier-step", "explainer-step"}


def two_cores_round(place: Workplace, bench: Bench, repetitions: int) -> Round:
    """Our contender on one core against itself on two; ours is the time of one, theirs of two."""
    makers: dict[str, Callable[[], Turns]] = {
        "one": lambda: place.ours(bench, 1),
        "two": lambda: place.ours(bench, 2),
    }
    name = f"two cores over one: {bench.name}"
    row = Comparison(name, time_of("one"), time_of("two"), TWO_CORES)
    # The number of threads changes no bit.
    return Round(repetitions, makers, [row], [("two", "one", 0.0)])


def mask_round(place: Workplace, effort: Effort) -> Round:
    """The stage mask on some windows, extrapolated to the paper's test set."""
    windows, repetitions = effort.mask_windows, max(effort.repetitions["A"] // 3, 1)
    makers: dict[str, Callable[[], Turns]] = {
        "one": lambda: place.mask(windows, 1),
        "two": lambda: place.mask(windows, 2),
    }
    seconds = Figure("two", lambda found: found.median / 1e3 * PAPER_WINDOWS / windows)
    name = f"seconds for masks of {PAPER_WINDOWS} windows of {TOKENS} tokens, transformer A, 2 threads"
    rows = [
        Comparison(name, seconds, None, PAPER_MASKS),
        Comparison("two cores over one: the stage mask", time_of("one"), time_of("two"), TWO_CORES),
    ]
    return Round(repetitions, makers, rows)


# Passes of perturb for a window with one mask, with the default options. Only the number of windows
# follows from it; passes are counted in the table.
PASSES = 22


def predict_round(place: Workplace, effort: Effort, threads: int) -> Round:
    """The stage predict against perturb: milliseconds a pass of the classifier."""
    limit = effort.perturbed_windows
    # About as many passes on either side, so that starting counts alike.
    windows = PASSES * limit + DONORS

    def a_pass(found: Measurement) -> float:
        return found.median / passes(place.perturbations, windows)

    makers: dict[str, Callable[[], Turns]] = {
        "predict": lambda: place.predict(windows, threads),
        "perturb": lambda: place.perturb(windows, threads, limit),
    }
    name = f"ms a window of predict over ms a pass of perturb, {threads_named(threads)}"
    ours = Figure("predict", lambda found: found.median / windows)
    row = Comparison(name, ours, Figure("perturb", a_pass), PREDICTING)
    return Round(effort.repetitions["A"], makers, [row], [("predict", "perturb", 0.0)])


def tokenizer_round(place: Workplace, effort: Effort) -> Round:
    """The stage tokenize against BERTax's tokenizer and against reading alone, in GB of FASTA a
    second."""

    def file() -> Path:
        return place.sequences(effort.bases, RECORD)

    def part() -> Path:
        # Python is about a hundred times slower: a part of the file tells its rate.
        return place.sequences(effort.bases // 10, RECORD)

    makers: dict[str, Callable[[], Turns]] = {
        "one": lambda: place.tokenize(file(), 1),
        "two": lambda: place.tokenize(file(), 2),
        "Python": lambda: place.dictionary_tokenizer(part()),
        "needletail": lambda: place.parse(file()),
    }
    name = "tokenize, GB/s a core"
    rows = [
        Comparison(name, rate_of("one", file), None, TOKENIZING),
        Comparison(f"{name}: BERTax's tokenizer", rate_of("one", file), rate_of("Python", part), None),
        Comparison(f"{name}: needletail alone", rate_of("one", file), rate_of("needletail", file), None),
        Comparison("two cores over one: the stage tokenize", time_of("one"), time_of("two"), None),
    ]
    return Round(min(effort.repetitions["A"], 5), makers, rows)


def memory_round(name: str, of: Callable[[int], Turns]) -> Round:
    """Peak memory of a stage on ten times the input over that on the input."""
    makers: dict[str, Callable[[], Turns]] = {"1x": lambda: of(1), "10x": lambda: of(10)}
    row = Comparison(f"peak MB of {name}, 10x the input over 1x", peak_of("10x"), peak_of("1x"), FLAT)
    return Round(1, makers, [row])


def rounds(place: Workplace, effort: Effort) -> Iterator[Round]:
    """All rounds, in the order in which they are measured."""
    for model in effort.models:
        repetitions = effort.repetitions[model.name]
        for bench in benches(model):
            for threads in (1, 2):
                yield network_round(place, bench, threads, repetitions)
            if bench.kind != "frozen-step":
                yield two_cores_round(place, bench, repetitions)
    yield mask_round(place, effort)
    for threads in (1, 2):
        yield predict_round(place, effort, threads)
    yield tokenizer_round(place, effort)

    def tokenize(times: int) -> Turns:
        return place.tokenize(place.sequences(times * effort.bases, RECORD), 1)

    yield memory_round("tokenize", tokenize)
    windows = effort.planted_windows
    yield memory_round("mask", lambda times: place.planted_mask(times * windows))
    yield memory_round("predict", lambda times: place.predict_reads(times * effort.reads))
    yield memory_round("evaluate", lambda times: place.evaluate(times * windows))
