#!/usr/bin/env python3
"""Rewrites masks.parquet and tokens.parquet of this folder with pandas, pyarrow, Polars and DuckDB.

Usage: make.py, with the Python packages pandas, pyarrow, polars and duckdb. The two tables are
written by `READLENS_BLESS=1 cargo test --release -p readlens-tables --test foreign`, which then reads
what the other tools make of them.
"""

from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.parquet

HERE = Path(__file__).parent
OURS = "readlens."


def main():
    for table in ("masks", "tokens"):
        source = str(HERE / f"{table}.parquet")

        def out(tool):
            return str(HERE / f"{table}.{tool}.parquet")

        pandas.read_parquet(source).to_parquet(out("pandas"))
        arrow = pyarrow.parquet.read_table(source)
        pyarrow.parquet.write_table(arrow, out("pyarrow"))
        # Larger offsets, views, narrow dictionaries and wider numbers, as other programs have them.
        wide = {"string": pyarrow.string_view(), "uint32": pyarrow.int64(), "float": pyarrow.float64()}
        fields = []
        for field in arrow.schema:
            kind = wide.get(str(field.type), field.type)
            if pyarrow.types.is_dictionary(field.type):
                kind = pyarrow.dictionary(pyarrow.int8(), pyarrow.large_string())
            if pyarrow.types.is_list(field.type):
                item = wide.get(str(field.type.value_type), field.type.value_type)
                kind = pyarrow.large_list(item)
            fields.append(pyarrow.field(field.name, kind))
        columns = [
            column.cast(pyarrow.string()).dictionary_encode().cast(field.type)
            if pyarrow.types.is_dictionary(field.type) else column.cast(field.type)
            for column, field in zip(arrow.columns, fields)
        ]
        schema = pyarrow.schema(fields, metadata=arrow.schema.metadata)
        wide = pyarrow.Table.from_arrays(columns, schema=schema)
        pyarrow.parquet.write_table(wide, out("pyarrow_wide"), version="1.0", data_page_version="2.0")
        pairs = {k: v for k, v in polars.read_parquet_metadata(source).items() if k.startswith(OURS)}
        polars.read_parquet(source).write_parquet(out("polars"), metadata=pairs)
        duckdb.sql(
            f"""set variable tokenization = (select decode(value) from parquet_kv_metadata('{source}')
                where decode(key) = 'readlens.tokenization')"""
        )
        pairs = "kv_metadata {'readlens.tokenization': getvariable('tokenization')}"
        for tool, version in (("duckdb", "v1"), ("duckdb_v2", "v2")):
            duckdb.sql(
                f"copy (from '{source}') to '{out(tool)}' (format parquet, parquet_version '{version}', {pairs})"
            )
    empty_columns()


def empty_columns():
    """A rank without a single value, in the type that each tool falls back on."""
    source = str(HERE / "tokens.parquet")
    frame = pandas.read_parquet(source)
    frame.assign(family=None).to_parquet(HERE / "empty.pandas.parquet")
    frame.assign(family=float("nan")).to_parquet(HERE / "empty.pandas_nan.parquet")
    frame.assign(family=pandas.Categorical([None] * len(frame))).to_parquet(
        HERE / "empty.pandas_categorical.parquet"
    )
    columns = polars.read_parquet(source).with_columns(family=polars.lit(None))
    columns.write_parquet(HERE / "empty.polars.parquet")
    duckdb.sql(
        f"copy (select *, null as family from '{source}') to '{HERE / 'empty.duckdb.parquet'}' (format parquet)"
    )


if __name__ == "__main__":
    main()
