#!/usr/bin/env python3
"""Checks that pipelines/config.schema.yaml has exactly the options of the stage binaries.

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
    "simulate", "tokenize", "vary", "train-classifier", "randomize", "train-explainer", "mask", "attribute", "merge",
    "baseline", "probe", "perturb", "evaluate", "compare", "report",
)
# Files and the manner of running are the workflow's to decide.
DECIDED = set(
    "output summary json tokens classifier explainer masks bases perturbations metrics taxonomy truth"
    " judge evidence checks costs reference other"
    " intervals shard threads quiet log-format help version".split()
)
# So are the names of methods, and the numbers that other sections give.
DECIDED_OF = {
    "mask": {"method", "replicate"},
    "randomize": {"parts", "seed"},
    "report": {"method", "replicate"},
}


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_options.py DIRECTORY")
    stages = yaml.safe_load(SCHEMA.read_text())["$defs"]
    for stage in STAGES:
        command = [Path(sys.argv[1]) / f"readlens-{stage}", "--help"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        options = set(re.findall(r"^ +(?:-\w, )?--([a-z][a-z0-9-]*)", text, re.MULTILINE))
        taken = options - DECIDED - DECIDED_OF.get(stage, set())
        known = set(stages.get(stage, {}).get("properties", {}))
        if taken != known:
            sys.exit(
                f"check_options: {SCHEMA.name}, {stage}: to add: {sorted(taken - known)},"
                f" to remove: {sorted(known - taken)}"
            )


if __name__ == "__main__":
    main()
