"""The plumbing of a predictor for readlens: copy this file beside your model (docs/any-program.md)."""

import json
import sys

import pyarrow as pa


def serve(ranks, predict, masking, model=None):
    """Answers readlens until it ends. `ranks`: rank -> taxa. `predict(letters, factors, about)` gives
    rank -> probabilities `(rows, taxa)`; `masking` is "factors" or "letters"."""
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # What is printed must not get between the answers.
    fields = [pa.field(rank, pa.list_(pa.float32(), len(taxa)), metadata={"readlens.taxa": json.dumps(taxa)})
              for rank, taxa in ranks.items()]
    about = {"readlens.protocol": "1", "readlens.masking": masking} | ({"readlens.model": model} if model else {})
    schema = pa.schema(fields, metadata=about)
    stdout.write(schema.serialize())  # Before anything is read: Arrow's writers would wait for a batch.
    stdout.flush()
    windows = pa.ipc.open_stream(stdin)
    about = {key.decode(): value.decode() for key, value in windows.schema.metadata.items()}
    for batch in windows:
        found = predict(batch["letters"].to_pylist(), batch["factors"].to_pylist(), about)
        flat = [pa.array(found[rank].reshape(-1), pa.float32()) for rank in ranks]
        columns = [pa.FixedSizeListArray.from_arrays(values, type=field.type) for values, field in zip(flat, fields)]
        stdout.write(pa.record_batch(columns, schema=schema).serialize())
        stdout.flush()
