"""A predictor in NumPy that reads letters, with N where tokens are hidden: the share of G and C.

    readlens predict --tokens tokens.parquet --predictor "python numpy_predictor.py" --output predictions.parquet
"""

import numpy as np
from readlens_predictor import serve


def predict(letters, factors, about):
    gc = np.array([sum(text.count(letter) for letter in "GC") for text in letters], dtype=np.float64)
    seen = np.array([sum(text.count(letter) for letter in "ACGT") for text in letters])
    logit = 20 * (gc / np.maximum(seen, 1) - 0.53) * (seen > 0)  # What is all hidden says nothing.
    rich = 1 / (1 + np.exp(-logit))
    return {"composition": np.stack([rich, 1 - rich], 1)}


serve({"composition": ["rich in GC", "poor in GC"]}, predict, masking="letters", model="GC share 1")
