#!/usr/bin/env python3
"""Check the confusions and the calibration of `readlens assess` against scikit-learn: check_confusion.py BINARIES FLOW.

FLOW is a folder that `readlens run` wrote; assessment.parquet and confusion.parquet are written into it, for
check_tables.py. The same is then done for a copy of its tokens in which some windows have lost their label, others have
a label that the classifier does not know, and the windows that get a certain name are in no split, so that this name is
never given to the windows that have it as their label.
"""

import math
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy
import polars
import pyarrow
import pyarrow.parquet
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

SPLIT = "test"
BINS = 15


def check(name: str, holds: bool, more: object = "") -> None:
    if not holds:
        sys.exit(f"check_confusion: {name}: {more}")
    print(f"ok   {name}")


def run(binaries: Path, stage: str, *arguments: object) -> None:
    subprocess.run([binaries / "readlens", stage, "--quiet", *map(str, arguments)], check=True)


def same(found: float | None, expected: float) -> bool:
    """A null stands for what scikit-learn calls not a number."""
    return math.isnan(expected) if found is None else math.isclose(found, expected, rel_tol=0, abs_tol=1e-12)


def spoilt(tokens: Path, predictions: Path, rank: str, out: Path) -> str:
    """Writes the copy of the tokens and returns the name that is never given in it."""
    table = pyarrow.parquet.read_table(tokens)
    names = {
        (row["id"], row["window"]): row["taxon"]
        for row in polars.read_parquet(predictions).filter(polars.col("rank") == rank).to_dicts()
    }
    rows = table.select(["id", "window", "split", rank]).to_pylist()
    given = [names[row["id"], row["window"]] for row in rows if row["split"] == SPLIT]
    check("the classifier gives several names", len(set(given)) > 1, set(given))
    gone = min(set(given), key=lambda taxon: (given.count(taxon), taxon))
    others = {0: None, 1: "A stranger", 2: "Another \"stranger\"", 3: gone}
    splits, taxa, place = [], [], 0
    for row in rows:
        is_gone = row["split"] == SPLIT and names[row["id"], row["window"]] == gone
        splits.append(None if is_gone else row["split"])
        is_kept = row["split"] == SPLIT and not is_gone
        taxa.append(others.get(place % 9, row[rank]) if is_kept else row[rank])
        place += is_kept
    for column, values in (("split", splits), (rank, taxa)):
        place = table.schema.get_field_index(column)
        table = table.set_column(place, table.schema.field(column), pyarrow.array(values).dictionary_encode())
    pyarrow.parquet.write_table(table, out)
    return gone


def windows(tokens: Path, predictions: Path, rank: str) -> polars.DataFrame:
    """Label, name and probability of every labelled window of the split."""
    query = duckdb.sql(f"""
        select t."{rank}" as label, p.taxon, p.probability from '{tokens}' t join '{predictions}' p using (id, "window")
        where t.split = '{SPLIT}' and p.rank = '{rank}' and t."{rank}" is not null
    """)
    return query.pl()


def check_confusion(table: polars.DataFrame, seen: polars.DataFrame, known: list[str], rank: str) -> None:
    own = table.filter(polars.col("label") == polars.col("predicted"))
    taxa = own["label"].to_list()
    check(f"{rank}: every taxon has one row with itself", sorted(taxa) == sorted({*known, *seen["label"]}), taxa)
    check(f"{rank}: the classifier's taxa are known", set(own.filter("known")["label"]) == set(known))
    matrix = confusion_matrix(seen["label"], seen["taxon"], labels=taxa)
    found = numpy.zeros_like(matrix)
    for row in table.to_dicts():
        found[taxa.index(row["label"]), taxa.index(row["predicted"])] = row["windows"]
    check(f"{rank}: the matrix is scikit-learn's", (found == matrix).all(), matrix - found)
    by_taxon = precision_recall_fscore_support(seen["label"], seen["taxon"], labels=taxa, zero_division=numpy.nan)
    for row, precision, recall, f1, support in zip(own.to_dicts(), *by_taxon):
        holds = (
            same(row["precision"], precision) and same(row["recall"], recall) and same(row["f1"], f1)
            and row["label_windows"] == support
        )
        if not holds:
            check(f"{rank}: precision, recall, F1 and support", False, (row, precision, recall, f1, support))
    print(f"ok   {rank}: precision, recall, F1 score and support are scikit-learn's, {len(taxa)} taxa")
    rows = table.filter(polars.col("label_windows") > 0).group_by("label").agg(polars.sum("share"))
    check(f"{rank}: shares of a label add up to 1", (rows["share"] - 1).abs().max() < 1e-9, rows)
    means = seen.group_by("label", "taxon").agg(polars.mean("probability").cast(polars.Float64).alias("mean"))
    joined = table.filter(polars.col("windows") > 0).join(means, left_on=["label", "predicted"], right_on=["label", "taxon"])
    check(f"{rank}: mean probabilities", joined.height == means.height
          and (joined["mean"] - joined["mean_probability"]).abs().max() < 1e-5)


def check_bins(assessment: Path, seen: polars.DataFrame, rank: str) -> None:
    rows = duckdb.sql(f"""
        select * from '{assessment}' where rank = '{rank}' and operator = 'unmasked' and branch is null and shortest is null
    """).pl()
    bins = rows.filter(polars.col("p_low").is_not_null())
    right = (seen["label"] == seen["taxon"]).cast(polars.Int64).to_numpy()
    p = seen["probability"].cast(polars.Float64).to_numpy()
    accuracy, probability = calibration_curve(right, p, n_bins=BINS, strategy="uniform")
    of = {metric: bins.filter(polars.col("metric") == metric).sort("p_low") for metric in ("accuracy", "p_target")}
    check(f"{rank}: bins have scikit-learn's accuracy", numpy.allclose(of["accuracy"]["value"], accuracy, atol=1e-6))
    check(f"{rank}: bins have scikit-learn's probability", numpy.allclose(of["p_target"]["value"], probability, atol=1e-6))
    check(f"{rank}: bins have all windows", of["accuracy"]["n"].sum() == of["p_target"]["n"].sum() == len(p))
    weights = of["accuracy"]["n"].to_numpy() / len(p)
    whole = dict(rows.filter(polars.col("p_low").is_null()).select("metric", "value").iter_rows())
    error = float(numpy.sum(weights * numpy.abs(accuracy - probability)))
    check(f"{rank}: the calibration error follows", abs(whole["expected_calibration_error"] - error) < 1e-6, error)
    check(f"{rank}: accuracy and mean probability", abs(whole["accuracy"] - right.mean()) < 1e-9
          and abs(whole["p_target"] - p.mean()) < 1e-6)


def main() -> None:
    binaries, flow = (Path(argument) for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        predictions = out / "predictions.parquet"
        tokens, classifier = flow / "tokens.parquet", flow / "classifier"
        run(binaries, "predict", "--tokens", tokens, "--classifier", classifier, "--output", predictions)
        ranks = list(dict.fromkeys(polars.read_parquet(predictions)["rank"]))
        gone = spoilt(tokens, predictions, ranks[-1], out / "spoilt.parquet")
        for table, folder in ((tokens, flow), (out / "spoilt.parquet", out)):
            print(f"-- {table.name}")
            assessment, confusion = folder / "assessment.parquet", folder / "confusion.parquet"
            run(binaries, "assess", "--tokens", table, "--classifier", classifier, "--split", SPLIT, "--masked", 0,
                "--replicates", 20, "--output", assessment, "--confusion", confusion)
            cells = polars.read_parquet(confusion).with_columns(polars.col(polars.Categorical).cast(polars.String))
            check("every rank is there", list(dict.fromkeys(cells["rank"])) == ranks)
            for rank in ranks:
                seen = windows(table, predictions, rank)
                of_rank = cells.filter(polars.col("rank") == rank)
                config = polars.read_json(classifier / "config.json")["ranks"][0].to_list()
                known = next(found["taxa"] for found in config if found["rank"] == rank)
                check_confusion(of_rank, seen, known, rank)
                check_bins(assessment, seen, rank)
        own = cells.filter((polars.col("rank") == ranks[-1]) & (polars.col("label") == polars.col("predicted")))
        never = own.filter(polars.col("label") == gone).to_dicts()[0]
        check(f"a name that is never given has no precision: {gone}",
              never["precision"] is None and never["recall"] == 0 and never["f1"] == 0, never)
        strangers = own.filter(polars.col("known").not_()).to_dicts()
        check("labels that the classifier does not know are there, with a recall of 0", len(strangers) == 2
              and all(row["recall"] == 0 and row["precision"] is None and row["label_windows"] for row in strangers))
        print(duckdb.sql(f"""select label, predicted, windows, share from '{flow}/confusion.parquet'
            where rank = '{ranks[-1]}' and label <> predicted order by windows desc limit 5"""))


main()
