"""What the configuration means to every rule: places, and options as they are typed.

Rules take their parameters from functions: Snakemake looks for wildcards in other strings, and a title
may hold braces.
"""

import os
import re
import sys
from pathlib import Path
from shlex import quote

OUT = config["out"].rstrip("/")
# Not a parameter of any rule: moving the binaries changes no result and reruns nothing.
BIN = config["bin"].rstrip("/") + "/" if config["bin"] else ""
SHARDS = config["shards"]
SIMULATED = f"{OUT}/simulated"
# The Python that runs Snakemake has the packages that the scripts need.
PYTHON = sys.executable
SCRIPTS = Path(workflow.basedir) / "scripts"

SEEDED = {
    "simulate", "tokenize", "train-classifier", "randomize", "train-explainer", "train-experts", "combine",
    "assess", "attribute", "baseline", "probe",
    "perturb", "evaluate", "compare", "report",
}
# Options that take `true` or `false`; every other boolean is a switch that stands or does not.
TAKE_BOOLEAN = {"frame-offset", "reverse-complement"}

if "simulate" in config:
    INPUT = {
        "sequences": [f"{SIMULATED}/sequences.fasta"],
        "taxonomy": f"{SIMULATED}/taxonomy.tsv",
        "truth": f"{SIMULATED}/truth.tsv",
        "intervals": f"{SIMULATED}/truth.tsv",
    }
else:
    INPUT = config["input"]


def plain(path: str) -> str:
    """A path that can be an input of a rule."""
    if set(path) & set("{}"):
        raise WorkflowError(f"{path}: Snakemake takes braces in a path for wildcards; rename the file")
    return path


def input_files(*kinds: str) -> list[str]:
    """What must be there to read these kinds of input: files, or the simulated directory."""
    if "simulate" in config:
        return [SIMULATED]
    files = []
    for kind in kinds:
        given = INPUT.get(kind, [])
        files += [given] if isinstance(given, str) else given
    return [plain(file) for file in files]


def input_option(kind: str) -> str:
    """`--kind FILE` where the input has such a file, otherwise nothing."""
    return f"--{kind} {quote(INPUT[kind])}" if kind in INPUT else ""


def option(name: str, value) -> str:
    """One option as it is typed: lists are joined by commas, a false switch is left out."""
    if isinstance(value, bool):
        if name in TAKE_BOOLEAN:
            return f"--{name}={str(value).lower()}"
        return f"--{name}" if value else ""
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return quote(f"--{name}={value}")


def typed(stage: str, chosen: dict) -> str:
    """Options of a stage as they are typed, with the common seed where they have none."""
    # Without fractions `tokenize` draws nothing, and refuses a seed.
    draws = stage in SEEDED and (stage != "tokenize" or "split-fractions" in chosen)
    seed = {"seed": config["seed"]} if draws else {}
    return " ".join(filter(None, (option(name, value) for name, value in sorted((seed | chosen).items()))))


def options(stage: str) -> str:
    """What the section of a stage says; a parameter of its rule, so that a change reruns it."""
    return typed(stage, config.get(stage, {}))


def relative(path) -> str:
    """A path as it is typed in the directory where Snakemake runs."""
    return os.path.relpath(path)


def shard(table: str):
    """A part of a table, to be merged; `table` may hold wildcards."""
    return temp(f"{OUT}/shards/{table}-{{shard}}-of-{SHARDS}.parquet")


def shards(table: str) -> list[str]:
    """All parts of a table."""
    return [f"{OUT}/shards/{table}-{number}-of-{SHARDS}.parquet" for number in range(1, SHARDS + 1)]


def repeated(name: str, files: list[str]) -> str:
    """An option that is given once for each file."""
    return " ".join(f"{name} {quote(file)}" for file in files)


def if_there(section: str, *files: str) -> list[str]:
    """These files of `out` where the configuration has the section that makes them."""
    return [f"{OUT}/{file}" for file in files] if section in config else []
