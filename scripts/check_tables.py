#!/usr/bin/env python3
"""Reads every table of a finished run with DuckDB and Polars and checks what it promises.

Usage: check_tables.py DIRECTORY, where DIRECTORY is the output of `readlens demo`, `readlens run`
or the workflow. Names, types and nullability come from docs/columns.md; both readers must see the
same values; then relations between the tables are checked. The tokens table is rewritten as
docs/troubleshooting.md says, and must keep its tokenization. Stops at the first broken promise. Needs
the packages of scripts/ci-requirements.txt.
"""

import hashlib
import json
import re
import sys
import tempfile
from pathlib import Path

import duckdb
import polars
import pyarrow.parquet
from polars.testing import assert_frame_equal

COLUMNS_PAGE = Path(__file__).parent.parent / "docs" / "columns.md"
TABLES = {
    "tokens": "tokens.parquet",
    "classifier_training": "classifier/training.parquet",
    "explainer_training": "explainer/training.parquet",
    "masks": "masks.parquet",
    "bases": "bases.parquet",
    "perturbations": "perturbations.parquet",
    "metrics": "metrics.parquet",
}
# Tables that a run has where its configuration has `attribute`, `baseline` or `assess`, and those of
# `predict` and `tracks`: the file and the table it is.
OPTIONAL = {
    "attributions": ("attributions.parquet", "masks"),
    "costs": ("costs.parquet", "costs"),
    "baseline": ("baseline.parquet", "metrics"),
    "assessment": ("assessment.parquet", "assessment"),
    "confusion": ("confusion.parquet", "confusion"),
    "predictions": ("predictions.parquet", "predictions"),
    "records": ("records.parquet", "predictions"),
    "stretches": ("stretches.parquet", "stretches"),
}
# A type of docs/columns.md as pyarrow, DuckDB and Polars name it.
TYPES = {
    "utf8": ("string", "VARCHAR", polars.String),
    "bool": ("bool", "BOOLEAN", polars.Boolean),
    "uint32": ("uint32", "UINTEGER", polars.UInt32),
    "float32": ("float", "FLOAT", polars.Float32),
    "float64": ("double", "DOUBLE", polars.Float64),
    "dictionary<int32, utf8>": (
        "dictionary<values=string, indices=int32, ordered=0>", "VARCHAR", polars.Categorical),
    "list<uint32>": ("list<item: uint32 not null>", "UINTEGER[]", polars.List(polars.UInt32)),
    "list<float32>": ("list<item: float not null>", "FLOAT[]", polars.List(polars.Float32)),
    "list<bool>": ("list<item: bool not null>", "BOOLEAN[]", polars.List(polars.Boolean)),
}
CLS = 2

# Each query returns the rows that break the promise it is named after.
RELATIONS = {
    "predictions: one row per window and rank, of a window that there is":
        """select p.id from predictions p left join tokens t using (id, "window")
           group by p.id, p."window", p.rank, t.id having count(*) > 1 or t.id is null""",
    "confusion: cells add up to the windows of their label and of their prediction":
        """select rank, label from confusion group by rank, label having sum(windows) <> any_value(label_windows)
           union all select rank, predicted from confusion group by rank, predicted
           having sum(windows) <> any_value(predicted_windows)""",
    "confusion: every taxon has one row with itself, and only that has precision, recall and F1":
        """select label from confusion group by rank, label having count(*) filter (label = predicted) <> 1
           union all select label from confusion where label <> predicted
           and (precision is not null or recall is not null or f1 is not null or windows = 0)
           union all select label from confusion where label = predicted and ((precision is null) <> (predicted_windows = 0)
           or (recall is null) <> (label_windows = 0) or (f1 is null) <> (label_windows + predicted_windows = 0))""",
    "stretches: a stretch is of a record that has a mask, and as long as its ends say":
        """select s.id from stretches s left join (select distinct id, method, replicate, rank from bases) b
           using (id, method, replicate, rank) where b.id is null or s.length <> s."end" - s.start or s.peak < s.mean""",
    "records: all windows of a record vote":
        """select r.id from records r join (select id, rank, count(*) n from predictions group by all) p
           using (id, rank) where r."window" is not null or r.windows <> p.n""",
    "tokens: one row per record and window":
        'select id from tokens group by id, "window" having count(*) > 1',
    "tokens: a window is not empty and its tokens are ids":
        'select id from tokens where "start" >= "end" or len(tokens) = 0 or list_max(tokens) >= 5 + 4 ** 8',
    "masks: every row is a mask of a window, with one value per token but CLS":
        f"""select m.id from masks m left join tokens t on m.id = t.id and m."window" = t."window"
            where t.id is null or len(m.mask) <> len(t.tokens) - (t.tokens[1] = {CLS})::int""",
    "masks: values lie in [0, 1], hard is as long as mask, area is the mean of mask":
        """select id from masks where list_min(mask) < 0 or list_max(mask) > 1 or isnan(list_sum(mask))
           or len(hard) <> len(mask) or abs(area - list_avg(mask)) > 1e-5""",
    "bases: as many rows as masks, each over the bases of its window":
        """select m.id from masks m
           left join bases b on m.id = b.id and m."window" = b."window" and m.method = b.method
           and m.replicate = b.replicate and m.rank = b.rank
           left join tokens t on m.id = t.id and m."window" = t."window"
           where b.id is null or b."start" < t."start" or b."end" > t."end" or b.strand <> t.strand
           or len(b.mask) <> b."end" - b."start" or list_min(b.mask) < 0 or list_max(b.mask) > 1
           or (select count(*) from bases) <> (select count(*) from masks)""",
    "perturbations: one prediction per window, mask, operator, share, removal and rank":
        """select id from perturbations
           group by id, "window", method, method_kind, replicate, mask_rank, operator, share, removal, rank
           having count(*) > 1""",
    "perturbations, metrics: method, kind, replicate and mask rank are null together":
        """select method from perturbations where (method is null) <> (mask_rank is null)
           or (method is null) <> (method_kind is null) or (method is null) <> (replicate is null)
           union all select method from metrics where (method is null) <> (mask_rank is null)
           or (method is null) <> (method_kind is null) or (method is null) <> (replicate is null)""",
    "perturbations: probabilities and entropies lie in [0, 1]":
        """select id from perturbations where p_predicted not between 0 and 1.000001
           or p_target not between 0 and 1.000001 or entropy not between 0 and 1.000001
           or p_target > p_predicted + 1e-6""",
    "perturbations: correct says whether predicted is the label":
        "select id from perturbations where correct is distinct from (predicted = label)",
    "perturbations: untouched input is predicted to be the target":
        """select id from perturbations where operator = 'unmasked'
           and (predicted <> target or kept_area <> 1 or p_target <> p_predicted)""",
    "perturbations: every mask is tried, masked and inverse":
        """select m.id from masks m, (values ('masked'), ('inverse')) o(operator)
           left join perturbations p on m.id = p.id and m."window" = p."window" and m.method = p.method
           and m.replicate = p.replicate and m.rank = p.mask_rank and p.operator = o.operator where p.id is null
           and m.id in (select id from perturbations)""",
    "metrics: the accuracy of every kind of input is there":
        """select * from (values ('unmasked'), ('masked'), ('inverse'), ('hard_masked'), ('hard_inverse'),
           ('random_block'), ('majority_class')) o(operator)
           where operator not in (select operator from metrics where metric = 'accuracy')""",
    "metrics: accuracy and its n follow from the perturbations":
        """select m.operator from metrics m left join perturbations p
           on m.method is not distinct from p.method and m.replicate is not distinct from p.replicate
           and m.mask_rank is not distinct from p.mask_rank and m.operator = p.operator and m.removal = p.removal
           and m.share is not distinct from p.share and m.rank = p.rank and m.split in (coalesce(p.split, 'unassigned'), 'all')
           where m.metric = 'accuracy' and m.operator <> 'majority_class'
           group by m.method, m.replicate, m.mask_rank, m.operator, m.removal, m.share, m.split, m.rank
           having count(p.correct) <> any_value(m.n)
           or not coalesce(abs(avg(p.correct::int) - any_value(m.value)) < 1e-9, false)""",
    "attributions: one mask per window, method and rank, as long as that of the Explainer":
        """select a.id from attributions a left join masks m on a.id = m.id and a."window" = m."window"
           where m.id is null or len(a.mask) <> len(m.mask) or a.method = m.method
           union all select id from attributions group by id, "window", method, rank having count(*) > 1""",
    "costs: the windows of a method, over all shards, are those of its attributions":
        """select method from (select method, sum("windows") as n from costs group by method) c
           full join (select method, count(distinct (id, "window")) as n from attributions group by method) a
           using (method) where c.n is distinct from a.n""",
    "metrics: area follows from the masks":
        """select m.split from metrics m left join (select k.*, t.split from all_masks k join tokens t
           on k.id = t.id and k."window" = t."window") k on m.method = k.method
           and m.replicate = k.replicate and m.mask_rank = k.rank
           and m.split in (coalesce(k.split, 'unassigned'), 'all')
           where m.metric = 'area' and m.operator = 'mask' group by m.method, m.replicate, m.mask_rank, m.split
           having count(k.id) <> any_value(m.n)
           or not coalesce(abs(avg(k.area) - any_value(m.value)) < 1e-6, false)""",
    "metrics: an interval has two ends in order":
        "select metric from metrics where (ci_low is null) <> (ci_high is null) or ci_low > ci_high",
    "training tables: epochs count from 1 and every figure is a number":
        """select epoch from (select *, 'c' as stage from classifier_training union all
           select *, 'e' from explainer_training) group by stage, epoch
           having epoch < 1 or count(*) filter (not isfinite("value")) > 0 union all
           select max(epoch) from classifier_training having max(epoch) <> count(distinct epoch) union all
           select max(epoch) from explainer_training having max(epoch) <> count(distinct epoch)""",
}


def expect(condition, message):
    """Ends the program with `message` unless `condition` holds."""
    if not condition:
        sys.exit(f"check_tables: {message}")


def promised_columns(text):
    """Table -> (schema version, [(column, type, nullable)], type of further rank columns or
    None)."""
    tables = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading = re.match(r"(\w+) \(version (\d+)\)", section)
        if heading is None:
            # About all tables.
            continue
        name, version = heading.groups()
        columns = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (no|yes) \|", section, re.MULTILINE)
        ranks = re.search(r"^\| one per rank \| `([^`]+)` \| yes \|", section, re.MULTILINE)
        tables[name] = (version, columns, ranks and ranks[1])
    return tables


def check_schema(table, path, promise):
    """Names, order, types and nullability as pyarrow, DuckDB and Polars see them."""
    _, columns, rank_type = promise
    schema = pyarrow.parquet.read_schema(path)
    ranks = schema.names[len(columns):]
    expect(rank_type or not ranks, f"{path}: columns {ranks} are not in docs/columns.md")
    columns = columns + [(rank, rank_type, "yes") for rank in ranks]
    found = [(field.name, str(field.type), field.nullable) for field in schema]
    wanted = [(name, TYPES[kind][0], null == "yes") for name, kind, null in columns]
    expect(found == wanted, f"{path}: expected the columns {wanted}, found {found}")
    found = duckdb.sql(f"describe from {table}").fetchall()
    wanted = [(name, TYPES[kind][1]) for name, kind, _ in columns]
    expect([row[:2] for row in found] == wanted, f"{path}: DuckDB sees {found}, expected {wanted}")
    found = list(polars.read_parquet_schema(path).items())
    wanted = [(name, TYPES[kind][2]) for name, kind, _ in columns]
    expect(found == wanted, f"{path}: Polars sees {found}, expected {wanted}")


def check_metadata(path, name, version, directory):
    """Table name, schema version and a manifest whose digests are those of the other tables."""
    metadata = pyarrow.parquet.read_metadata(path).metadata
    found = [metadata.get(f"readlens.{key}".encode(), b"").decode() for key in ("table", "schema_version")]
    expect(found == [name, version], f"{path}: expected table and version {[name, version]}, found {found}")
    expect(b"readlens.shard" not in metadata, f"{path}: is a shard, expected a whole table")
    manifest = json.loads(metadata[b"readlens.manifest"])
    for key in ("stage", "version", "config", "seed", "inputs"):
        expect(key in manifest, f"{path}: the manifest has no {key}")
    for source in manifest["inputs"]:
        file = directory / source["name"]
        if file.is_file():
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            expect(digest == source["sha256"], f"{path}: was not made from {file}, whose sha256 is {digest}")


def check_carried(path):
    """The Arrow schema has the pairs of the file, and so have the attributes that pandas keeps."""
    own = pyarrow.parquet.read_metadata(path).metadata
    pairs = {key: value for key, value in own.items() if key.startswith(b"readlens.")}
    of_schema = pyarrow.parquet.read_schema(path).metadata
    expect(pairs.items() <= of_schema.items(), f"{path}: its Arrow schema lacks some of {sorted(pairs)}")
    attributes = {key.encode(): value.encode() for key, value in json.loads(of_schema[b"PANDAS_ATTRS"]).items()}
    expect(attributes == pairs, f"{path}: pandas would keep {sorted(attributes)}, expected {sorted(pairs)}")


def check_rewritten(path):
    """pyarrow keeps the tokenization of a tokens table by itself; Polars and DuckDB are told it."""
    key = b"readlens.tokenization"
    tokenization = pyarrow.parquet.read_metadata(path).metadata[key]
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "rewritten.parquet")

        def check(tool):
            found = pyarrow.parquet.read_metadata(out).metadata.get(key)
            expect(found == tokenization, f"{path}: rewritten with {tool} its tokenization is {found}")

        pyarrow.parquet.write_table(pyarrow.parquet.read_table(path).slice(0, 10), out)
        check("pyarrow")
        pairs = {k: v for k, v in polars.read_parquet_metadata(path).items() if k.startswith("readlens.")}
        polars.read_parquet(path).head(10).write_parquet(out, metadata=pairs)
        check("Polars")
        duckdb.sql(f"""set variable tokenization = (select decode(value) from parquet_kv_metadata('{path}')
            where decode(key) = 'readlens.tokenization')""")
        duckdb.sql(f"""copy (from '{path}' limit 10) to '{out}'
            (format parquet, kv_metadata {{'readlens.tokenization': getvariable('tokenization')}})""")
        check("DuckDB")


def check_values(table, path):
    """DuckDB and Polars read the same rows in the same order; returns their number."""
    by_duckdb = duckdb.sql(f"from {table}").pl()
    by_polars = polars.read_parquet(path).with_columns(polars.col(polars.Categorical).cast(polars.String))
    rows = pyarrow.parquet.read_metadata(path).num_rows
    expect(rows > 0, f"{path}: has no rows")
    expect(len(by_duckdb) == len(by_polars) == rows,
           f"{path}: {rows} rows, DuckDB reads {len(by_duckdb)}, Polars {len(by_polars)}")
    assert_frame_equal(by_duckdb, by_polars, check_exact=True)
    return rows


def main():
    expect(len(sys.argv) == 2, "usage: check_tables.py DIRECTORY")
    directory = Path(sys.argv[1])
    promises = promised_columns(COLUMNS_PAGE.read_text())
    names = {table.rsplit("_")[-1] for table in TABLES} | {name for _, name in OPTIONAL.values()}
    expect(set(promises) == names, f"{COLUMNS_PAGE} has the tables {sorted(promises)}, expected {sorted(names)}")
    expected = {table: (file, table.rsplit("_")[-1]) for table, file in TABLES.items()}
    optional = {table: found for table, found in OPTIONAL.items() if (directory / found[0]).is_file()}
    for table, (file, name) in (expected | optional).items():
        path = directory / file
        expect(path.is_file(), f"{path}: is not there")
        duckdb.read_parquet(str(path)).create_view(table)
        check_schema(table, path, promises[name])
        check_metadata(path, name, promises[name][0], directory)
        check_carried(path)
        print(f"{path}: {check_values(table, path)} rows")
    check_rewritten(directory / "tokens.parquet")
    mask_tables = [table for table in ("masks", "attributions") if table in expected | optional]
    duckdb.sql(" union all ".join(f"from {table}" for table in mask_tables)).create_view("all_masks")
    for promise, query in RELATIONS.items():
        if promise.split(":")[0] in OPTIONAL.keys() - optional.keys():
            continue
        broken = duckdb.sql(query).fetchall()
        expect(not broken, f"{directory}: broken in {len(broken)} places, such as {broken[:3]}: {promise}")
        print(f"holds: {promise}")


if __name__ == "__main__":
    main()
