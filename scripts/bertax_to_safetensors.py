#!/usr/bin/env python3
"""Writes BERTax (Mock et al. 2022) as a directory that readlens can import.

Usage: bertax_to_safetensors.py MODEL.h5 LABELS DIRECTORY

MODEL.h5 is a model that Keras saved, with layers as keras-bert names them and one output
`RANK_out` for each rank. LABELS has the taxa of each output in class order: bertax's own
`utils.py`, which is read and not run, or a JSON object from ranks to lists of taxa. DIRECTORY must
not exist; it gets config.json, model.safetensors and vocab.txt. Needs h5py, numpy and safetensors.

Dense kernels of Keras are (in, out), those of readlens (out, in).
"""

from __future__ import annotations

import ast
import json
import re
import sys
from itertools import product
from pathlib import Path

import h5py
import numpy as np
from safetensors.numpy import save_file

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BASES = "ACGT"
# Under the square root of a norm: what keras-layer-normalization takes where it is told nothing.
NORM_EPSILON = 1e-14


def refuse(message: str) -> None:
    sys.exit(f"bertax_to_safetensors: {message}")


def read_labels(file: Path) -> dict[str, list[str]]:
    """The taxa of each rank, in class order."""
    if file.suffix == ".json":
        found = json.loads(file.read_text())
    else:
        found = None
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "CLASS_LABELS":
                value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
                found = dict(ast.literal_eval(value))
    if not isinstance(found, dict):
        refuse(f"{file}: expected CLASS_LABELS, or a JSON object from ranks to taxa")
    return {str(rank): [str(taxon) for taxon in taxa] for rank, taxa in found.items()}


class Layers:
    """The layers of a saved model: their settings and their weights."""

    def __init__(self, file: h5py.File) -> None:
        if "model_config" not in file.attrs or "model_weights" not in file:
            refuse("expected a whole model, as Keras' save() writes it: configuration and weights")
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        self.settings = {layer["config"]["name"]: layer["config"] for layer in layers}
        self.weights = file["model_weights"]

    def weight(self, layer: str, ending: str) -> np.ndarray:
        if layer not in self.weights:
            refuse(f"expected a layer {layer}, found none")
        group = self.weights[layer]
        names = [n.decode() if isinstance(n, bytes) else n for n in group.attrs["weight_names"]]
        own = [name for name in names if re.search(rf"(^|[/_]){ending}(:0)?$", name)]
        if len(own) != 1:
            refuse(f"expected one weight {ending} of the layer {layer}, found {len(own)}")
        return np.ascontiguousarray(group[own[0]][()], dtype=np.float32)

    def setting(self, layer: str, name: str, expected: object) -> None:
        found = self.settings[layer].get(name, expected)
        if found != expected:
            refuse(f"expected {name} {expected!r} of the layer {layer}, found {found!r}")


def converted(layers: Layers, labels: dict[str, list[str]]) -> tuple[dict, dict[str, np.ndarray]]:
    numbers = [re.fullmatch(r"Encoder-(\d+)-FeedForward", name) for name in layers.settings]
    depth = max((int(number[1]) for number in numbers if number), default=0)
    if depth == 0:
        refuse("expected layers Encoder-1-FeedForward and so on, found none")
    tensors: dict[str, np.ndarray] = {}

    def norm(name: str, layer: str) -> None:
        found = layers.settings[layer].get("epsilon", NORM_EPSILON)
        if not np.isclose(found, NORM_EPSILON, rtol=1e-3, atol=0.0):
            refuse(f"expected epsilon {NORM_EPSILON} of the layer {layer}, found {found}")
        tensors[f"{name}.weight"] = layers.weight(layer, "gamma")
        tensors[f"{name}.bias"] = layers.weight(layer, "beta")

    def dense(name: str, layer: str, kernel: str, bias: str) -> None:
        tensors[f"{name}.weight"] = np.ascontiguousarray(layers.weight(layer, kernel).T)
        tensors[f"{name}.bias"] = layers.weight(layer, bias)

    embeddings = "bert.embeddings"
    for part, layer in [("word", "Token"), ("token_type", "Segment"), ("position", "Position")]:
        weight = layers.weight(f"Embedding-{layer}", "embeddings")
        tensors[f"{embeddings}.{part}_embeddings.weight"] = weight
    norm(f"{embeddings}.LayerNorm", "Embedding-Norm")
    heads = set()
    for number in range(depth):
        theirs, ours = f"Encoder-{number + 1}", f"bert.encoder.layer.{number}"
        attention, unit = f"{theirs}-MultiHeadSelfAttention", f"{theirs}-FeedForward"
        layers.setting(attention, "activation", "linear")
        layers.setting(attention, "history_only", False)
        layers.setting(unit, "activation", "gelu")
        heads.add(layers.settings[attention]["head_num"])
        for part, letter in [("query", "q"), ("key", "k"), ("value", "v")]:
            dense(f"{ours}.attention.self.{part}", attention, f"W{letter}", f"b{letter}")
        dense(f"{ours}.attention.output.dense", attention, "Wo", "bo")
        norm(f"{ours}.attention.output.LayerNorm", f"{attention}-Norm")
        dense(f"{ours}.intermediate.dense", unit, "W1", "b1")
        dense(f"{ours}.output.dense", unit, "W2", "b2")
        norm(f"{ours}.output.LayerNorm", f"{unit}-Norm")
    if len(heads) != 1:
        refuse(f"expected one number of heads in all layers, found {sorted(heads)}")
    layers.setting("NSP-Dense", "activation", "tanh")
    dense("bert.pooler.dense", "NSP-Dense", "kernel", "bias")
    for number, (rank, taxa) in enumerate(labels.items()):
        layers.setting(f"{rank}_out", "activation", "softmax")
        dense(f"classifier.{number}", f"{rank}_out", "kernel", "bias")
        found = len(tensors[f"classifier.{number}.bias"])
        if found != len(taxa):
            refuse(f"expected {len(taxa)} taxa of rank {rank}, as LABELS says, found {found}")
    vocabulary, width = tensors[f"{embeddings}.word_embeddings.weight"].shape
    config = {
        "model_type": "bertax",
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": depth,
        "num_attention_heads": heads.pop(),
        "intermediate_size": len(tensors["bert.encoder.layer.0.intermediate.dense.bias"]),
        "max_position_embeddings": len(tensors[f"{embeddings}.position_embeddings.weight"]),
        "type_vocab_size": len(tensors[f"{embeddings}.token_type_embeddings.weight"]),
        # keras-transformer's gelu is the approximation.
        "hidden_act": "gelu_new",
        "layer_norm_eps": NORM_EPSILON,
        "ranks": [{"rank": rank, "taxa": taxa} for rank, taxa in labels.items()],
    }
    return config, tensors


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    model, labels, directory = map(Path, sys.argv[1:])
    with h5py.File(model, "r") as file:
        config, tensors = converted(Layers(file), read_labels(labels))
    letters = next((k for k in range(1, 9) if len(SPECIAL) + 4**k == config["vocab_size"]), None)
    if letters is None:
        refuse(f"expected 5 special tokens and all k-mers, found {config['vocab_size']} tokens")
    words = ["".join(word) for word in product(BASES, repeat=letters)]
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (directory / "vocab.txt").write_text("\n".join([*SPECIAL, *words]) + "\n")
    save_file(tensors, directory / "model.safetensors")


if __name__ == "__main__":
    main()
