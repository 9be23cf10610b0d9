#!/usr/bin/env python3
"""Checks that pipelines/config.schema.yaml has the options of the stage binaries, no more and no fewer.

Usage: check_options.py DIRECTORY, where DIRECTORY holds the stage binaries. Needs the packages of
scripts/ci-requirements.txt.
"""

import re
import subprocess
import sys
from pathlib import Path

import yaml

SCHEMA = Path(__file__).parent.parent / "pipelines" / "config.schema.yaml"
STAGES = (
    "simulate", "tokenize", "train-classifier", "train-explainer", "mask", "perturb", "evaluate", "report",
)
# Files and the manner of running are the workflow's to decide.
DECIDED = set(
    "output summary json tokens classifier explainer masks bases perturbations metrics taxonomy truth"
    " judge evidence checks costs"
    " intervals shard threads quiet log-format help version".split()
)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_options.py DIRECTORY")
    stages = yaml.safe_load(SCHEMA.read_text())["properties"]
    for stage in STAGES:
        command = [Path(sys.argv[1]) / f"readlens-{stage}", "--help"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        taken = set(re.findall(r"^ +(?:-\w, )?--([a-z][a-z-]*)", text, re.MULTILINE)) - DECIDED
        known = set(stages[stage]["properties"])
        if taken != known:
            sys.exit(
                f"check_options: {SCHEMA.name}, {stage}: to add: {sorted(taken - known)},"
                f" to remove: {sorted(known - taken)}"
            )


if __name__ == "__main__":
    main()
