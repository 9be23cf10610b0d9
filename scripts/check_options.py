#!/usr/bin/env python3
"""Checks that the workflow and the stages have the same options and words.

pipelines/config.schema.yaml must have exactly the options of the stage binaries, with the values
that their help lists, and pipelines/scripts/tables.py no word that docs/reference/vocabulary.md
lacks.

Usage: check_options.py DIRECTORY, where DIRECTORY holds the stage binaries. Needs the packages of
scripts/ci-requirements.txt.
"""

import ast
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "pipelines" / "config.schema.yaml"
TABLES = ROOT / "pipelines" / "scripts" / "tables.py"
VOCABULARY = ROOT / "docs" / "reference" / "vocabulary.md"
STAGES = (
    "simulate", "tokenize", "vary", "train-classifier", "train-experts", "combine", "assess", "predict", "randomize", "train-explainer", "mask", "attribute", "merge", "tracks",
    "baseline", "probe", "perturb", "evaluate", "compare", "report",
)
# Files and the manner of running are the workflow's to decide.
DECIDED = set(
    "output summary json tokens classifier explainer masks bases perturbations metrics taxonomy truth"
    " judge evidence checks costs reference other calibration-tokens calibration save-calibration records tsv kraken-report krona"
    " predictions assessment confusion stretches browse bed gff3 bedgraph bigwig masked-fasta"
    " intervals shard threads quiet log-format help version".split()
)
# So are the names of methods, and the numbers that other sections give. A workflow makes its classifier
# itself: a program that answers in its place is a matter of single stages.
DECIDED_OF = {
    "attribute": {"wrong-class", "predictor", "predictor-timeout"},
    "perturb": {"predictor", "predictor-timeout"},
    "predict": {"predictor", "predictor-timeout"},
    "mask": {"method", "replicate", "wrong-class"},
    "randomize": {"parts", "seed"},
    "report": {"method", "replicate"},
    "tokenize": {"save-orient-model"},
    "tracks": {"sequences", "method", "replicate"},
}


def options_of(program):
    """Option -> the values that its help lists, none where it takes any."""
    environment = os.environ | {"COLUMNS": "100"}
    text = subprocess.run(
        [program, "--help"], check=True, capture_output=True, text=True, env=environment,
    ).stdout
    # Text about an option stands further to the right than its name.
    _, *parts = re.split(r"^ {2,6}(?:-\w, )?--([a-z][a-z0-9-]*)", text, flags=re.MULTILINE)
    return {name: values_in(about) for name, about in zip(parts[::2], parts[1::2])}


def values_in(about):
    """The possible values that the help of one option lists."""
    if short := re.search(r"\[possible values: ([^\]]+)\]", about):
        return set(re.split(r",\s+", short[1]))
    _, _, listed = about.partition("Possible values:\n")
    # The list ends at the first empty line.
    listed = re.split(r"\n\s*\n", listed)[0]
    return set(re.findall(r"^ {10}- ([\w-]+)(?::|$)", listed, re.MULTILINE))


def values_of(kind, kinds):
    """The values that a property of the schema allows, none where it allows any."""
    if "$ref" in kind:
        kind = kinds[kind["$ref"].removeprefix("#/$defs/")]
    if kind.get("type") == "array":
        return values_of(kind["items"], kinds)
    if kind.get("type") == "boolean":
        return {"true", "false"}
    return {str(value).lower() for value in kind.get("enum", ())}


def check_values(stage, name, listed, allowed):
    """An option whose help lists values has exactly these in the schema."""
    # An option that also stands without a value takes `true`, and `false` leaves it out.
    if listed and listed not in (allowed, allowed - {"true", "false"}):
        sys.exit(
            f"check_options: {SCHEMA.name}, {stage}, {name}: expected the values {sorted(listed)},"
            f" found {sorted(allowed) or 'any'}"
        )


def check_words():
    """The words of tables.py are words of the vocabulary."""
    sections = re.split(r"^## ", VOCABULARY.read_text(), flags=re.MULTILINE)[1:]
    known = {
        section.split("\n", 1)[0]: set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        for section in sections
    }
    tables = runpy.run_path(str(TABLES))
    curves = [operator for keep, block, _ in tables["CURVES"] for operator in (keep, block)]
    words = {
        "Operators": {*tables["OPERATORS"], *tables["OWN_REMOVALS"], *curves},
        "Metrics": {*tables["FAITHFULNESS"], *(metric for metric, _ in tables["AGREEMENT"])},
        "Removals": {*tables["REMOVALS"], *tables["OWN_REMOVALS"].values()},
        "Kinds of methods": set(tables["KINDS"]),
    }
    # And those of its calls `metrics.get(method, operator, metric, …)`.
    for call in ast.walk(ast.parse(TABLES.read_text())):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "metrics.get":
            for section, argument in zip(("Operators", "Metrics"), call.args[1:3]):
                if isinstance(argument, ast.Constant):
                    words[section].add(argument.value)
    for section, used in words.items():
        if missing := used - known.get(section, set()):
            sys.exit(
                f"check_options: {TABLES.name}: not in {VOCABULARY.name}, {section}: {sorted(missing)}"
            )


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_options.py DIRECTORY")
    check_words()
    kinds = yaml.safe_load(SCHEMA.read_text())["$defs"]
    for stage in STAGES:
        options = options_of(Path(sys.argv[1]) / f"readlens-{stage}")
        taken = options.keys() - DECIDED - DECIDED_OF.get(stage, set())
        properties = kinds.get(stage, {}).get("properties", {})
        known = set(properties)
        if taken != known:
            sys.exit(
                f"check_options: {SCHEMA.name}, {stage}: to add: {sorted(taken - known)},"
                f" to remove: {sorted(known - taken)}"
            )
        for name, kind in properties.items():
            check_values(stage, name, options[name], values_of(kind, kinds))


if __name__ == "__main__":
    main()
