#!/usr/bin/env python3
"""Check what `readlens predict` writes, in the tools that it is for: check_predictions.py BINARIES FLOW TAXPASTA.

FLOW is a folder that `readlens run` wrote; predictions.parquet and records.parquet are written into it, for
check_tables.py. The windows' predictions must be those of perturb without a mask, taxpasta must read the Kraken report
and count what the tables count, and so must the text for Krona.
"""

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import duckdb
import polars


def check(name: str, found: object, expected: object) -> None:
    if found != expected:
        sys.exit(f"{name}: {found}, expected {expected}")
    print(f"ok   {name}")


def main() -> None:
    binaries, flow, taxpasta = (Path(argument) for argument in sys.argv[1:])
    for table in ("predictions", "records"):
        (flow / f"{table}.parquet").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        subprocess.run(
            [
                binaries / "readlens", "predict", "--quiet",
                "--tokens", flow / "tokens.parquet", "--classifier", flow / "classifier",
                "--calibration-tokens", flow / "tokens.parquet", "--split", "test",
                "--output", flow / "predictions.parquet", "--records", flow / "records.parquet",
                "--tsv", out / "records.tsv", "--kraken-report", out / "report.txt", "--krona", out / "krona.txt",
            ],
            check=True,
        )
        query = duckdb.sql
        # `p_predicted` is that of the predicted taxon.
        differing = query(f"""
            select count(*) from '{flow}/predictions.parquet' p
            full join (select * from '{flow}/perturbations.parquet' where operator = 'unmasked' and split = 'test') u
            using (id, "window", rank)
            where p.taxon is distinct from u.predicted or abs(p.probability - u.p_predicted) > 1e-6
        """).fetchall()[0][0]
        check("windows: predictions are those of perturb", differing, 0)
        rows = polars.read_parquet(flow / "records.parquet")
        records = rows["id"].n_unique()
        lines = (out / "records.tsv").read_text().splitlines()
        check("records: one line of text for each", len(lines) - 1, records)

        subprocess.run(
            [taxpasta, "standardise", "--profiler", "kraken2", "--output", out / "standard.tsv", out / "report.txt"],
            check=True, capture_output=True,
        )
        standard = polars.read_csv(out / "standard.tsv", separator="\t")
        check("taxpasta: counts add up to the records", standard["count"].sum(), records)
        krona = Counter()
        for line in (out / "krona.txt").read_text().splitlines():
            count, *lineage = line.split("\t")
            krona[tuple(lineage)] += int(count)
        check("Krona: counts add up to the records", sum(krona.values()), records)
        direct = sorted(count for count in standard["count"] if count)
        check("taxpasta and Krona count lineages alike", direct, sorted(krona.values()))


main()
