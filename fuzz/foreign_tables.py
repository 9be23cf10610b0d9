#!/usr/bin/env python3
"""Writes the golden tables as other programs do, as seeds of the fuzzer of tables.

Usage: foreign_tables.py, with the packages of scripts/ci-requirements.txt.

Pages without compression let a changed byte reach the values.
"""

from pathlib import Path

import duckdb
import polars
import pyarrow.parquet as parquet

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden" / "tables"
SEEDS = ROOT / "fuzz" / "corpus" / "tables"


def main():
    SEEDS.mkdir(parents=True, exist_ok=True)
    newest = {}
    for path in sorted(GOLDEN.glob("*.parquet")):
        newest[path.name.split(".")[0]] = path
    for table, path in newest.items():
        rows = parquet.read_table(path)
        # As readlens declares it, and as a table that says nothing of itself.
        parquet.write_table(
            rows, SEEDS / f"{table}.pyarrow.parquet", compression="none", use_dictionary=False,
            data_page_version="2.0", write_statistics=False, store_schema=False,
        )
        bare = rows.replace_schema_metadata(None)
        parquet.write_table(bare, SEEDS / f"{table}.bare.parquet", compression="none", write_statistics=False)
    for table in ("tokens", "masks"):
        polars.read_parquet(newest[table]).write_parquet(
            SEEDS / f"{table}.polars.parquet", compression="uncompressed", statistics=False
        )
        duckdb.sql(f"COPY (FROM '{newest[table]}') TO '{SEEDS / table}.duckdb.parquet' (FORMAT parquet, COMPRESSION lz4_raw)")
    for path in sorted(SEEDS.glob("*.parquet")):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
