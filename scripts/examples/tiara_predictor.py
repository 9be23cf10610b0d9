"""tiara 1.0.2 (Karlicki et al. 2022) as a predictor: it tells contigs of bacteria, archaea, eukaryotes,
mitochondria and plastids apart by their 6-mers, and organelles by their 7-mers.

Needs torch, numpy and pyarrow, and the files of the package tiara, of which nothing is imported: that would
need numba. Run scripts/examples/tiara for a whole example.
"""

import importlib.util
from pathlib import Path

import numpy as np
import torch
from readlens_predictor import serve
from torch import nn

FOLDER = Path(importlib.util.find_spec("tiara").submodule_search_locations[0]) / "models"
# What the outputs of its two networks stand for, as tiara's prediction.py has it.
FIRST = ["organelle", "bacteria", "unknown", "archaea", "eukarya"]
SECOND = ["plastid", "unknown", "mitochondrion"]
KINDS = ["archaea", "bacteria", "eukarya", "mitochondrion", "plastid", "unknown"]


class Stage:
    """One of tiara's networks: counts of k-mers, weighted by how rare they are, of length 1."""

    def __init__(self, name, k):
        self.k = k
        self.rarity = np.load(FOLDER / f"tfidf-models/k{k}-{name}-stage/model.npy").astype(np.float32)
        weights = torch.load(FOLDER / f"nnet-models/{name}_nnet_kmer_{k}.pkl", map_location="cpu", weights_only=True)
        sizes = [weights[f"{layer}.weight"].shape for layer in (0, 3, 6)]
        layers = [nn.Linear(inputs, outputs) for outputs, inputs in sizes]
        # Dropout, which does nothing here, keeps the numbers of the layers.
        self.network = nn.Sequential(layers[0], nn.Dropout(), nn.ReLU(), layers[1], nn.ReLU(), nn.Dropout(), layers[2])
        self.network.load_state_dict(weights)
        self.network.eval()

    def features(self, letters):
        codes = np.full(256, -1, dtype=np.int64)
        codes[list(b"ACGT")] = range(4)
        bases = codes[np.frombuffer(letters.encode(), dtype=np.uint8)]
        windows = np.lib.stride_tricks.sliding_window_view(bases, self.k)
        kmers = windows[(windows >= 0).all(1)] @ 4 ** np.arange(self.k - 1, -1, -1)  # Without N.
        counts = np.bincount(kmers, minlength=4**self.k).astype(np.float32) * self.rarity
        return counts / max(np.linalg.norm(counts), 1e-12)

    @torch.inference_mode()
    def __call__(self, letters):
        features = np.stack([self.features(text) for text in letters])
        return self.network(torch.from_numpy(features)).double().softmax(1).numpy()


STAGES = Stage("first", 6), Stage("second", 7)


def predict(letters, factors, about):
    first, second = (stage(letters) for stage in STAGES)
    kinds = dict(zip(FIRST, first.T))
    organelle = kinds.pop("organelle")
    for kind, share in zip(SECOND, second.T):
        kinds[kind] = kinds.get(kind, 0) + organelle * share
    return {"kind": np.stack([kinds[kind] for kind in KINDS], 1)}


serve({"kind": KINDS}, predict, masking="letters", model="tiara 1.0.2, k 6 and 7")
