#!/usr/bin/env python3
"""Checks `--predictor` against `--classifier`, and programs that fail: check_predictor.py BINARIES.

A small transformer is trained on the beginnings of some of the embedded genes, and computed anew in NumPy (scripts/numpy_transformer.py) by a program. `predict`, `attribute` and `perturb` must give the
same for both, whatever the number of threads; where the program reads letters, with the unknown token in the place of
hidden ones, its own way to hide must be the removal `unknown` of the classifier. `evaluate`, `report`, `merge` and
`tracks` must work on what comes out. The examples of docs/any-program.md must be the files of scripts/examples.
"""

import gzip
import json
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
# f32 against f64: what two ways to add up leave of a probability, and of a mask, which is a sigmoid of z-scores of
# differences of logarithms.
PROBABILITY, MASK = 5e-6, 5e-5
METHODS = "occlusion:width=4:stride=2,lime:samples=60:segment=4,kernel_shap:samples=60:segment=4,random_blocks"


def check(name, holds, more=""):
    if not holds:
        sys.exit(f"check_predictor: {name}: {more}")
    print(f"ok   {name}")


class Stages:
    """The built program, run in a folder on some windows."""

    def __init__(self, binaries, folder):
        self.readlens, self.folder, self.tokens = binaries.resolve() / "readlens", folder, "tokens.parquet"
        genes = gzip.decompress((ROOT / "data/16s/demo.fasta.gz").read_bytes()).decode().split(">")[1::3]
        with open(folder / "genes.fasta", "w") as fasta:
            for number, gene in enumerate(genes):
                name, _, letters = gene.partition("\n")
                # Of several lengths, so that batches are padded.
                fasta.write(f">{name}\n{letters.replace(chr(10), '')[: 200 + 17 * (number % 5)]}\n")
        self.run("tokenize", "genes.fasta", "--taxonomy", ROOT / "data/16s/demo.tsv", "--k", 6, "--split-column", "split",
                 "--ranks", "superkingdom,phylum,genus", "--output", self.tokens)

    def run(self, stage, *arguments, code=0, quiet=True):
        """Runs a stage; returns what it says."""
        words = [self.readlens, stage, *(["--quiet"] if quiet else []), *map(str, arguments)]
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode != code:
            sys.exit(f"check_predictor: {shlex.join(map(str, words))} ended with {done.returncode}:\n{done.stderr}")
        return done.stderr

    def table(self, stage, name, *arguments):
        """What a stage writes."""
        self.run(stage, "--tokens", self.tokens, *arguments, "--output", name)
        return pl.read_parquet(self.folder / name)


def program(file, *arguments):
    return ["--predictor", shlex.join([sys.executable, str(ROOT / "scripts" / file), *map(str, arguments)])]


def largest_difference(ours, theirs, columns, keys):
    """Of two tables with the same rows in the same order."""
    check(f"the same {ours.height} rows", ours.height > 0 and ours.select(keys).equals(theirs.select(keys)))
    return max((ours[column] - theirs[column]).abs().max() for column in columns)


def compare(stages):
    classifier = ["--classifier", "own"]
    stages.run("train-classifier", "--tokens", stages.tokens, "--preset", "tiny", "--patch", 1, "--pooling", "mean",
               "--epochs", 2, "--output", "own")
    ours = program("numpy_transformer.py", stages.folder / "own", "factors")
    test = ["--split", "test"]
    keys = ["id", "window", "rank"]

    one = stages.table("predict", "one.parquet", *classifier, *test)
    two = stages.table("predict", "two.parquet", *ours, *test)
    worst = largest_difference(one, two, ["probability", "entropy", "confidence"], [*keys, "taxon"])
    check(f"predict: probabilities, within {worst:.0e}", worst < PROBABILITY)
    stages.table("predict", "three.parquet", *ours, *test, "--tsv", "records.tsv", "--calibration-tokens", stages.tokens)
    check("predict: records, calibrated", (stages.folder / "records.tsv").stat().st_size > 0)

    for more in ([], ["--mask-per-rank"]):
        arguments = [*test, "--limit", 24, "--method", METHODS, *more]
        one = stages.table("attribute", "masks-1.parquet", *classifier, *arguments)
        two = stages.table("attribute", "masks.parquet", *ours, *arguments)
        worst = largest_difference(one.explode("mask"), two.explode("mask"), ["mask"], [*keys, "method", "target"])
        check(f"attribute{' '.join(['', *more])}: masks, within {worst:.0e}", worst < MASK)

    # Masks of one model are refused by another; written by another program they are anybody's.
    arguments = [*test, "--limit", 12, "--soft-draws", 1, "--subsets", 2, "--removal", "unknown,shuffled", "--graded"]
    said = stages.run("perturb", "--tokens", stages.tokens, *ours, "--masks", "masks-1.parquet", "--output", "no.parquet",
                      code=3)
    check("masks of another model are refused", "was made from another" in said, said)
    one.write_parquet(stages.folder / "plain.parquet")
    arguments += ["--masks", "plain.parquet"]
    one = stages.table("perturb", "one.parquet", *classifier, *arguments)
    two = stages.table("perturb", "two.parquet", *ours, *arguments)
    without_mean = one.filter(pl.col("operator") != "all_mean")
    check("perturb: all_mean alone is missing", set(one["operator"]) - set(two["operator"]) == {"all_mean"})
    values = ["p_predicted", "p_target", "entropy", "kept_area"]
    columns = [*keys, "method", "mask_rank", "operator", "share", "removal", "target", "label"]
    worst = largest_difference(without_mean, two, values, columns)
    check(f"perturb: probabilities under every operator, within {worst:.0e}", worst < PROBABILITY)
    unlike = (without_mean["predicted"] != two["predicted"]).sum()
    check("perturb: predictions", unlike <= 2, f"{unlike} differ, more than ties in the last digit explain")

    # Letters: N in the place of a token is the unknown token, and nothing is hidden in part.
    letters = program("numpy_transformer.py", stages.folder / "own", "letters")
    three = stages.table("perturb", "three.parquet", *letters, *arguments)
    left_out = {"all_mean", "masked", "inverse"}
    check("letters: soft operators are left out", set(one["operator"]) - set(three["operator"]) == left_out)
    levels = set(three.filter(pl.col("operator") == "constant")["share"])
    check("letters: constant is all or nothing", levels == {0.0, 1.0}, levels)
    hard = pl.col("operator").is_in(["hard_masked", "hard_inverse", "random_block", "random_block_inverse", "keep_top"])
    as_unknown = one.filter(hard & (pl.col("removal") == "unknown"))
    as_letters = three.filter(hard & (pl.col("removal") == "own"))
    worst = largest_difference(as_unknown, as_letters, ["p_predicted", "p_target"], [*keys, "method", "operator", "share"])
    check(f"letters: as the removal `unknown`, within {worst:.0e}", worst < PROBABILITY)


def follow(stages):
    """What comes behind, and that threads and shards change nothing."""
    ours = program("examples/numpy_predictor.py")
    attribute = ["--tokens", stages.tokens, *ours, "--split", "test", "--limit", 200, "--method", "occlusion:width=16:stride=16,random_blocks"]
    contents = []
    for threads in (1, 2):
        stages.run("attribute", *attribute, "--threads", threads, "--output", "gc.parquet")
        perturb = ["--tokens", stages.tokens, *ours, "--masks", "gc.parquet", "--threads", threads]
        stages.run("perturb", *perturb, "--output", "perturbed.parquet")
        contents.append([(stages.folder / name).read_bytes() for name in ("gc.parquet", "perturbed.parquet")])
    check("one thread and two give the same bytes", contents[0] == contents[1])
    for part in (1, 2):
        stages.run("perturb", *perturb, "--shard", f"{part}/2", "--output", f"part-{part}.parquet")
    stages.run("merge", "part-1.parquet", "part-2.parquet", "--output", "merged.parquet")
    merged, whole = (pl.read_parquet(stages.folder / name) for name in ("merged.parquet", "perturbed.parquet"))
    check("shards are the whole", merged.equals(whole))
    stages.run("evaluate", "--tokens", stages.tokens, "--masks", "gc.parquet", "--perturbations", "merged.parquet",
               "--replicates", 50, "--output", "metrics.parquet", "--json", "metrics.json")
    metrics = pl.read_parquet(stages.folder / "metrics.parquet")
    check("evaluate: agreement", metrics.filter(pl.col("metric") == "agreement").height > 0)
    stages.run("report", "--tokens", stages.tokens, "--masks", "gc.parquet", "--perturbations", "merged.parquet",
               "--metrics", "metrics.parquet", "--output", "report.html")
    check("report: names the program", "numpy_predictor.py" in (stages.folder / "report.html").read_text())
    manifest = json.loads(pq.read_schema(stages.folder / "perturbed.parquet").metadata[b"readlens.manifest"])
    [named] = [given for given in manifest["inputs"] if given["role"] == "classifier"]
    check("the manifest names it", re.fullmatch(r"python[\d.]* numpy_predictor\.py", named["name"]), named)
    check("and what it says of itself", manifest["config"]["predictor"]["model"] == "GC share 1" and manifest["compute"] is None)
    check("no folder is in it", str(ROOT) not in json.dumps(manifest))


def refuse(stages):
    """What cannot work is named, with exit code 2 for what was asked and 3 for what the program did."""
    ours = program("examples/numpy_predictor.py")
    for method, part in [("gradient_input", "needs gradients"), ("integrated_gradients", "needs gradients"),
                         ("path_contribution", "needs gradients"), ("optimized_mask", "needs gradients"),
                         ("class_query", "reads embeddings"), ("attention_rollout", "follows attention")]:
        said = stages.run("attribute", "--tokens", stages.tokens, *ours, "--method", method, "--output", "no.parquet", code=2)
        check(f"{method} is refused", method in said and part in said and "pass a --classifier" in said, said)
    perturb = ["perturb", "--tokens", stages.tokens, "--masks", "gc.parquet", "--output", "no.parquet"]
    for arguments, part in [([*ours, "--removal", "mean"], "--removal mean"), ([*ours, "--precision", "bf16"], "--precision"),
                            ([*ours, "--classifier", "own"], "cannot be used with"), ([], "--classifier"),
                            (["--classifier", "own", "--predictor-timeout", 5], "--predictor")]:
        said = stages.run(*perturb, *arguments, code=2)
        check(f"{arguments[2:] or 'no model'} is refused", part in said, said)
    # As Python programs go wrong.
    head = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts/examples')!r}); import numpy as np\n"
    bad = {
        "no such package": ("import no_such_package", "ModuleNotFoundError"),
        "printing": ("print('hello', flush=True)", 'found "hello'),
        "NaN": (head + "from readlens_predictor import serve\nserve({'kind': ['a', 'b']}, lambda l, f, a: {'kind': np.full((len(l), 2), np.nan)}, 'letters')", "found NaN for a"),
        "logits": (head + "from readlens_predictor import serve\nserve({'kind': ['a', 'b']}, lambda l, f, a: {'kind': np.full((len(l), 2), 3.0)}, 'letters')", "a sum of 6"),
        "a lazy writer": ("import pyarrow as pa, sys\nfor b in pa.ipc.open_stream(sys.stdin.buffer): pass", "write the schema before reading"),
    }
    for name, (text, part) in bad.items():
        (stages.folder / "bad.py").write_text(text)
        command = ["--predictor", f"{shlex.quote(sys.executable)} bad.py", "--predictor-timeout", 5]
        said = stages.run("predict", "--tokens", stages.tokens, *command, "--output", "no.parquet", code=3)
        check(f"{name} is refused", part in said, said)
    check("nothing was written", not (stages.folder / "no.parquet").exists())


def interrupt(stages):
    """Ctrl-C ends the stage and the program, which is in the middle of a batch."""
    (stages.folder / "slow.sh").write_text("echo $$ > number; exec sleep 1000")
    words = [stages.readlens, "predict", "--tokens", stages.tokens, "--predictor", "sh slow.sh", "--output", "no.parquet"]
    running = subprocess.Popen(list(map(str, words)), cwd=stages.folder, stderr=subprocess.PIPE)
    number = stages.folder / "number"
    while not number.exists() or not number.read_text().strip():
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    check("an interrupt ends the stage", running.wait(timeout=5) == 130)
    status = Path(f"/proc/{number.read_text().strip()}/stat")
    # One that has ended may wait for its parent's parent to notice.
    check("and the program", not status.exists() or ") Z " in status.read_text(), status)


def examples():
    """The files that the page tells readers to copy are those of the repository."""
    page = (ROOT / "docs/any-program.md").read_text()
    for name, text in re.findall(r"^cat > (\w+\.py) <<'END'\n(.*?)^END$", page, re.MULTILINE | re.DOTALL):
        check(f"{name} of the page", text == (ROOT / "scripts/examples" / name).read_text())
    check("the page has both", page.count("<<'END'") == 2)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_predictor.py BINARIES")
    examples()
    with tempfile.TemporaryDirectory() as folder:
        stages = Stages(Path(sys.argv[1]), Path(folder))
        compare(stages)
        follow(stages)
        refuse(stages)
        interrupt(stages)


if __name__ == "__main__":
    main()
