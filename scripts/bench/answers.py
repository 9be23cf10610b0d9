"""Reads what perturb and predict said of the same windows: answers.py PERTURBATIONS [PREDICTIONS].

Prints JSON: `windows` and `rows_of_window` (rows per rank) of perturb's table, and `values` for its
windows without a mask, the probabilities and then a number for each taxon's name, of PREDICTIONS
where that is given. A program of its own, because pyarrow would hide the peak memory of what the
driver starts.
"""

import json
import sys
import zlib

import pyarrow.compute as compute
import pyarrow.parquet as parquet


def answers(
    path: str, taxon: str, probability: str, **options: object
) -> dict[tuple[str, str], tuple[str, float]]:
    """Taxon and probability by record and rank."""
    table = parquet.read_table(path, columns=["id", "rank", taxon, probability], **options)
    return {(row["id"], row["rank"]): (row[taxon], row[probability]) for row in table.to_pylist()}


def main() -> None:
    perturbations, *predictions = sys.argv[1:]
    table = parquet.read_table(perturbations, columns=["id", "rank"])
    ids, ranks = (len(compute.unique(table[name])) for name in ("id", "rank"))
    rows_of_window, rest = divmod(len(table), ids * ranks)
    if rest:
        sys.exit(f"{perturbations}: windows have different numbers of rows")
    wanted = answers(perturbations, "predicted", "p_predicted", filters=[("operator", "=", "unmasked")])
    found = answers(predictions[0], "taxon", "probability") if predictions else wanted
    said = [found[place] for place in sorted(wanted)]
    values = [p for _, p in said] + [float(zlib.crc32(taxon.encode())) for taxon, _ in said]
    print(json.dumps({"windows": ids, "rows_of_window": rows_of_window, "values": values}))


main()
