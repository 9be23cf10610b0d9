#!/usr/bin/env python3
"""Makes the golden model of BERTax: a small random one, as keras-bert itself builds, saves and
computes it.

Usage: golden_bertax.py DIRECTORY, which is crates/readlens-import/tests/golden. Needs
tensorflow-cpu 2.15.1, keras-bert 0.89.0, h5py and safetensors. Nothing is fetched.

`scripts/bertax_to_safetensors.py` converts the saved model. `expected.json` has, for each row of
ids, the logarithms of the probabilities of each rank, whole and under a mask of the word embeddings,
and the derivative by that mask of the sum of one logarithm of each rank.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import keras_bert
import numpy as np
import tensorflow as tf
from tensorflow import keras

LABELS = {
    "superkingdom": ["Archaea", "Bacteria"],
    "phylum": ["Chlorobi", "Mollusca", "unknown"],
    "genus": ["Apis", "Beta", "Mus", "Vitis"],
}
TOKENS, PLACES, WIDTH = 69, 32, 20


def built() -> keras.Model:
    """Three heads; each sees what those above it say, and the dense layer over CLS behind."""
    body = keras_bert.get_model(
        token_num=TOKENS, pos_num=PLACES, seq_len=PLACES, embed_dim=WIDTH, transformer_num=2,
        head_num=4, feed_forward_dim=28, dropout_rate=0.1,
    )
    state = body.get_layer("NSP-Dense").output
    outputs: list = []
    for rank, taxa in LABELS.items():
        seen = keras.layers.concatenate([*outputs, state]) if outputs else state
        outputs.append(keras.layers.Dense(len(taxa), name=f"{rank}_out", activation="softmax")(seen))
    model = keras.Model(inputs=body.inputs[:2], outputs=outputs)
    generator = np.random.default_rng(5)
    for layer in model.layers:
        drawn = []
        for weight in layer.get_weights():
            scale = 0.3 if weight.ndim == 1 else 1.5 / weight.shape[0] ** 0.5
            if "Embedding" in layer.name:
                scale = 0.3
            start = 1.0 if layer.name.endswith("Norm") and not drawn else 0.0
            drawn.append(start + scale * generator.standard_normal(weight.shape))
        layer.set_weights(drawn)
    return model


def main() -> None:
    out = Path(sys.argv[1]) / "bertax-small"
    shutil.rmtree(out, ignore_errors=True)
    random.seed(6)
    model = built()
    with tempfile.TemporaryDirectory() as folder:
        saved, labels = Path(folder) / "model.h5", Path(folder) / "labels.json"
        model.save(saved)
        labels.write_text(json.dumps(LABELS))
        script = Path(__file__).parent / "bertax_to_safetensors.py"
        subprocess.run([sys.executable, script, saved, labels, out], check=True)
        # What was saved is what is computed with.
        model = keras.models.load_model(
            saved, compile=False, custom_objects=keras_bert.get_custom_objects()
        )
    rows = [[2, *(random.randrange(5, TOKENS) for _ in range(n))] for n in (20, 7, 31)]
    golden: dict = {"rows": rows, "logs": [], "mask": [], "masked": [], "classes": [], "gradient": []}
    for ids in rows:
        padded = np.array([ids + [0] * (PLACES - len(ids))])
        whole = model.predict([padded, np.zeros_like(padded)], verbose=0)
        golden["logs"].append([np.log(p[0]).tolist() for p in whole])
        mask = np.round(np.random.default_rng(len(ids)).random(PLACES), 3)
        mask[0], mask[len(ids):] = 1.0, 1.0
        table = model.get_layer("Embedding-Token").get_weights()[0]
        factors = tf.Variable(mask.astype(np.float32))
        embedded = tf.constant(table[padded])
        for alone, of_model in zip(through(model, embedded[:, : len(ids)]), whole):
            assert np.abs(alone.numpy() - of_model).max() < 1e-6, "padding is seen"
        classes = [len(golden["classes"]) % len(taxa) for taxa in LABELS.values()]
        with tf.GradientTape() as tape:
            found = through(model, (embedded * factors[None, :, None])[:, : len(ids)])
            total = tf.add_n([tf.math.log(p[0, c]) for p, c in zip(found, classes)])
        gradient = tape.gradient(total, factors).numpy()
        golden["mask"].append(mask[: len(ids)].tolist())
        golden["masked"].append([np.log(p.numpy()[0]).tolist() for p in found])
        golden["classes"].append(classes)
        golden["gradient"].append([float(g) for g in gradient[: len(ids)]])
    (out / "expected.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def through(model: keras.Model, seen: tf.Tensor) -> list[tf.Tensor]:
    """The model's layers behind the word embeddings, one after the other, on a row without padding."""
    layer = model.get_layer
    length = seen.shape[1]
    x = seen + layer("Embedding-Segment")(tf.zeros((1, length), tf.int32))
    x = x + layer("Embedding-Position").get_weights()[0][:length]
    x = layer("Embedding-Norm")(x)
    for number in (1, 2):
        name = f"Encoder-{number}"
        x = layer(f"{name}-MultiHeadSelfAttention-Norm")(x + layer(f"{name}-MultiHeadSelfAttention")(x))
        x = layer(f"{name}-FeedForward-Norm")(x + layer(f"{name}-FeedForward")(x))
    state = layer("NSP-Dense")(x[:, 0])
    outputs: list[tf.Tensor] = []
    for rank in LABELS:
        outputs.append(layer(f"{rank}_out")(tf.concat([*outputs, state], axis=1)))
    return outputs


if __name__ == "__main__":
    main()
