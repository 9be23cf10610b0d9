#!/usr/bin/env python3
"""Checks the attribution methods of readlens-attribute against captum's and lime's on a few
windows.

Usage: check_attributions.py BINARIES CLASSIFIER TOKENS, where BINARIES holds readlens-attribute,
CLASSIFIER is a directory that readlens-train-classifier wrote with `--patch 1` and mean pooling
(`readlens demo --planted` makes one), and TOKENS its token table. Needs the packages of
scripts/attributions-requirements.txt.

The classifier runs in PyTorch from the exported weights (scripts/bench/torch_model.py), as a
function of the mask. Prints one line a method and exits with status 1 where one is not what it must
be.

A mask is `sigmoid(z - threshold)` of the scores' z-scores, so the scores come back from it up to
place and scale. Deterministic methods must have the same z-scores; those that draw must have the
same ranks as far as the draws tell.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import torch
from captum.attr import (
    FeatureAblation,
    InputXGradient,
    IntegratedGradients,
    KernelShap,
    Occlusion,
)
from lime.lime_text import LimeTextExplainer
from safetensors.torch import load_file
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parent / "bench"))
import torch_model

WINDOWS = 3
STEPS = 20
OCCLUSION = (4, 2)
# Few segments and many draws: what is left between two implementations that draw is little. Of up
# to 13 segments readlens asks every coalition, so that its values are Shapley's own.
SEGMENT = 8
SAMPLES = 8190
# Largest difference of two z-scores; a mask near 1 has lost digits in f32.
EXACT = 0.01
# Least rank correlation where one of the two draws, or both.
LEAST = {"lime": 0.95, "kernel_shap": 0.95}


def load(directory: Path) -> torch_model.Classifier:
    """The classifier for inference; dropout, which torch_model refuses, does not matter there."""
    config = json.loads((directory / "config.json").read_text())
    if config["pooling"] != "mean":
        sys.exit(f"check_attributions: expected mean pooling, found {config['pooling']}")
    taxa = [len(rank["taxa"]) for rank in config["ranks"]]
    shape = torch_model.encoder_shape({**config["encoder"], "dropout": 0.0})
    classifier = torch_model.Classifier(taxa, **shape)
    classifier.load_state_dict(load_file(directory / "model.safetensors"))
    return classifier.eval().requires_grad_(False)


class Explained:
    """The summed log-probability of a window's predicted taxa, as a function of the mask on its
    real tokens."""

    def __init__(self, classifier: torch_model.Classifier, tokens: list[int]) -> None:
        self.classifier = classifier
        self.ids = torch.tensor([tokens])
        self.exempt = int(tokens[0] == 2)
        self.tokens = len(tokens) - self.exempt
        self.targets = [out.argmax(1) for out in classifier(self.ids)]

    def __call__(self, mask: torch.Tensor) -> torch.Tensor:
        rows = mask.shape[0]
        whole = torch.cat([torch.ones(rows, self.exempt), mask], 1)
        logits = self.classifier(self.ids.expand(rows, -1), whole)
        return sum(
            out.log_softmax(1)[:, target].squeeze(1)
            for out, target in zip(logits, self.targets, strict=True)
        )


def by_captum(explained: Explained) -> dict[str, np.ndarray]:
    """Scores of the real tokens by captum's methods."""
    whole, hidden = torch.ones(1, explained.tokens), torch.zeros(1, explained.tokens)
    segments = torch.arange(explained.tokens).div(SEGMENT, rounding_mode="floor").unsqueeze(0)
    torch.manual_seed(1)
    scores = {
        "gradient_input": InputXGradient(explained).attribute(whole.requires_grad_()),
        "integrated_gradients": IntegratedGradients(explained).attribute(
            whole, hidden, n_steps=STEPS, method="riemann_middle"
        ),
        "occlusion": Occlusion(explained).attribute(
            whole, (OCCLUSION[0],), strides=OCCLUSION[1], baselines=0, perturbations_per_eval=64
        ),
        "leave_one_out": FeatureAblation(explained).attribute(
            whole, hidden, perturbations_per_eval=64
        ),
    }
    shap = KernelShap(explained).attribute(
        whole, hidden, feature_mask=segments, n_samples=SAMPLES, perturbations_per_eval=256
    )
    # captum gives a segment's value to each of its tokens, readlens an equal part.
    scores["kernel_shap"] = shap / segments.flatten().bincount()[segments]
    return {name: score.detach().double().numpy().ravel() for name, score in scores.items()}


def by_lime(explained: Explained) -> np.ndarray:
    """Scores of the real tokens by lime: a text with a word for every segment."""
    words = [f"w{i}" for i in range(-(-explained.tokens // SEGMENT))]

    def values(texts: list[str]) -> np.ndarray:
        kept = np.array([[word != "hidden" for word in text.split()] for text in texts])
        mask = torch.tensor(np.repeat(kept, SEGMENT, 1)[:, : explained.tokens], dtype=torch.float32)
        with torch.no_grad():
            value = torch.cat([explained(part) for part in mask.split(256)]).double().numpy()
        return np.stack([-value, value], 1)

    explainer = LimeTextExplainer(
        bow=False, mask_string="hidden", feature_selection="none", random_state=1
    )
    explanation = explainer.explain_instance(
        " ".join(words), values, labels=(1,), num_features=len(words), num_samples=SAMPLES
    )
    scores = np.zeros(len(words))
    for word, weight in explanation.as_map()[1]:
        scores[word] = weight
    tokens = np.arange(explained.tokens) // SEGMENT
    return scores[tokens] / np.bincount(tokens)[tokens]


def by_readlens(binaries: Path, classifier: Path, tokens: Path) -> pl.DataFrame:
    """The masks of readlens-attribute."""
    methods = [
        "gradient_input",
        f"integrated_gradients:steps={STEPS}",
        f"occlusion:width={OCCLUSION[0]}:stride={OCCLUSION[1]}",
        "leave_one_out",
        # The kernel of lime's own explainer.
        f"lime:samples={SAMPLES}:segment={SEGMENT}:kernel-width=0.25:ridge=1",
        f"kernel_shap:samples={SAMPLES}:segment={SEGMENT}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        masks = Path(folder) / "masks.parquet"
        command = [
            binaries / "readlens-attribute", "--tokens", tokens, "--classifier", classifier,
            "--method", ",".join(methods), "--output", masks, "--limit", WINDOWS, "--quiet",
        ]  # fmt: skip
        subprocess.run([str(word) for word in command], check=True)
        return pl.read_parquet(masks)


def z_scores(scores: np.ndarray) -> np.ndarray:
    return (scores - scores.mean()) / scores.std()


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit("usage: check_attributions.py BINARIES CLASSIFIER TOKENS")
    binaries, directory, table = map(Path, sys.argv[1:])
    classifier = load(directory)
    masks = by_readlens(binaries, directory, table)
    tokens = pl.read_parquet(table).join(masks.select("id", "window").unique(), on=["id", "window"])
    found: dict[str, list[tuple[float, float]]] = {}
    for row in tokens.iter_rows(named=True):
        explained = Explained(classifier, row["tokens"])
        theirs = by_captum(explained) | {"lime": by_lime(explained)}
        of_window = masks.filter((pl.col("id") == row["id"]) & (pl.col("window") == row["window"]))
        for mask in of_window.iter_rows(named=True):
            values = np.array(mask["mask"], dtype=np.float64)
            ours = z_scores(np.log(values / (1 - values)))
            other = z_scores(theirs[mask["method"]])
            difference = float(np.abs(ours - other).max())
            rank = float(spearmanr(ours, other).statistic)
            found.setdefault(mask["method"], []).append((difference, rank))
    failed = False
    for method, pairs in found.items():
        difference, rank = max(d for d, _ in pairs), min(r for _, r in pairs)
        if method in LEAST:
            holds, wanted = rank >= LEAST[method], f"rank correlation at least {LEAST[method]}"
        else:
            holds, wanted = difference <= EXACT, f"z-scores within {EXACT}"
        failed |= not holds
        print(
            f"{'ok ' if holds else 'BAD'} {method}: largest difference of z-scores {difference:.4f}, "
            f"least rank correlation {rank:.4f} over {len(pairs)} windows; must be: {wanted}"
        )
    if failed or len(found) != 6:
        sys.exit(1)


main()
