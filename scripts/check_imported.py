#!/usr/bin/env python3
"""Holds predictions of an imported model against those of transformers.

Usage: check_imported.py MODEL FASTA PREDICTIONS

MODEL is the directory that was imported, of one head, FASTA the sequences, and PREDICTIONS what
`readlens predict --output` wrote of them, a window for each. Prints how many were compared and the
largest difference of two probabilities, and fails above 1e-4. Needs pyarrow and the packages of
scripts/golden-requirements.txt.
"""

import sys
from pathlib import Path

import pyarrow.parquet as parquet
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

TOLERANCE = 1e-4


def main():
    folder, fasta, predictions = map(Path, sys.argv[1:])
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    records = (record.partition("\n") for record in fasta.read_text().split(">")[1:])
    sequences = {header.split()[0]: body.replace("\n", "") for header, _, body in records}
    rows = parquet.read_table(predictions, columns=["id", "probability"]).to_pylist()
    worst = 0.0
    for row in rows:
        with torch.no_grad():
            logits = model(**tokenizer(sequences[row["id"]], return_tensors="pt")).logits[0]
        worst = max(worst, abs(float(logits.softmax(0).max()) - row["probability"]))
    print(f"{len(rows)} sequences: probabilities differ by at most {worst:.1e}")
    if not rows or worst > TOLERANCE:
        sys.exit(1)


if __name__ == "__main__":
    main()
