"""A transformer of readlens computed anew in NumPy, as a predictor: what scripts/check_predictor.py compares
`--classifier` with. Usage: numpy_transformer.py CLASSIFIER MASKING.

CLASSIFIER is a directory that `readlens train-classifier --patch 1 --pooling mean` wrote. With the masking `factors`
the factors are multiplied into the embeddings; with `letters` a token with an N is the unknown token.
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy.special import erf, softmax

sys.path.insert(0, str(Path(__file__).parent / "examples"))
from readlens_predictor import serve

UNKNOWN, CLS, FIRST = 1, 2, 5


def safetensors(path):
    """The tensors of a file: a length, a header in JSON, and bytes."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(data[end + about["data_offsets"][0] : end + about["data_offsets"][1]], "<f4")
        .reshape(about["shape"]).astype(np.float64)
        for name, about in header.items()
    }  # fmt: skip


class Transformer:
    def __init__(self, directory):
        self.config = json.loads((directory / "config.json").read_text())
        self.weights = safetensors(directory / "model.safetensors")
        encoder = self.config["encoder"]
        expected = {"patch": 1, "norm": "pre", "embedding_norm": True, "mask_site": "embedding"}
        found = {name: encoder[name] for name in expected}
        if found != expected or self.config["pooling"] != "mean":
            sys.exit(f"numpy_transformer: expected {expected} and mean pooling, found {found}")
        self.heads, self.layers = encoder["heads"], encoder["layers"]

    def linear(self, name, x):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name, x):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def block(self, name, x):
        tokens, dim = x.shape
        qkv = self.linear(f"{name}.qkv", self.norm(f"{name}.ln1", x))
        q, k, v = qkv.reshape(tokens, 3, self.heads, dim // self.heads).transpose(1, 2, 0, 3)
        attention = softmax(q @ k.transpose(0, 2, 1) / np.sqrt(dim // self.heads), -1)
        x = x + self.linear(f"{name}.out", (attention @ v).transpose(1, 0, 2).reshape(tokens, dim))
        inner = self.linear(f"{name}.ff1", self.norm(f"{name}.ln2", x))
        return x + self.linear(f"{name}.ff2", inner * (1 + erf(inner / np.sqrt(2))) / 2)

    def predict(self, ids, mask):
        """Probabilities of each rank for one window."""
        x = self.weights["tok.weight"][ids] * mask[:, None] + self.weights["pos"][: len(ids)]
        x = self.norm("emb_ln", x)
        for layer in range(self.layers):
            x = self.block(f"blocks.{layer}", x)
        state = np.tanh(self.linear("pooler", self.norm("final_ln", x).mean(0)))
        ranks = []
        for head in range(len(self.config["ranks"])):
            ranks.append(softmax(self.linear(f"heads.{head}", np.concatenate([*ranks, state]))))
        return ranks


def ids_of(letters, about):
    """Token ids: CLS, then k-mers as numbers to the base 4."""
    k, stride = int(about["readlens.k"]), int(about["readlens.stride"])
    ids = [CLS] if about["readlens.cls"] == "true" else []
    for start in range(0, len(letters) - k + 1, stride):
        kmer = letters[start : start + k]
        digits = ["ACGT".find(letter) for letter in kmer]
        ids.append(UNKNOWN if -1 in digits else FIRST + sum(4**i * d for i, d in enumerate(reversed(digits))))
    return np.array(ids)


def main():
    transformer, masking = Transformer(Path(sys.argv[1])), sys.argv[2]
    ranks = {rank["rank"]: rank["taxa"] for rank in transformer.config["ranks"]}

    def predict(letters, factors, about):
        found = []
        for text, kept in zip(letters, factors):
            ids = ids_of(text, about)
            mask = np.ones(len(ids))
            if masking == "factors":
                mask[len(ids) - len(kept) :] = kept
            found.append(transformer.predict(ids, mask))
        return {rank: np.stack([row[i] for row in found]) for i, rank in enumerate(ranks)}

    serve(ranks, predict, masking, model=f"{masking} in NumPy")


main()
