#!/usr/bin/env python3
"""Checks that the workflow, the flows and the stage binaries agree on the options.

Usage: check_options.py DIRECTORY, where DIRECTORY holds the stage binaries. The options in
pipelines/config.schema.yaml must be those of the binaries, no more and no fewer; a flow in
pipelines/flows must have the settings of its namesake in pipelines/config. Needs the packages of
scripts/ci-requirements.txt.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

PIPELINES = Path(__file__).parent.parent / "pipelines"
STAGES = (
    "simulate", "tokenize", "train-classifier", "train-explainer", "mask", "perturb", "evaluate", "report",
)
# Files and the manner of running are the workflow's to decide.
DECIDED = set(
    "output summary json tokens classifier explainer masks bases perturbations metrics taxonomy truth"
    " intervals shard threads quiet log-format help version".split()
)


def check_schema(directory):
    """Every option of every binary can be configured, and every configured option exists."""
    stages = yaml.safe_load((PIPELINES / "config.schema.yaml").read_text())["properties"]
    for stage in STAGES:
        command = [directory / f"readlens-{stage}", "--help"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        taken = set(re.findall(r"^ +(?:-\w, )?--([a-z][a-z-]*)", text, re.MULTILINE)) - DECIDED
        known = set(stages[stage]["properties"])
        if taken != known:
            sys.exit(
                f"check_options: config.schema.yaml, {stage}: to add: {sorted(taken - known)},"
                f" to remove: {sorted(known - taken)}"
            )


def check_flows():
    """`readlens run` and Snakemake do the same under the same name."""
    for path in sorted((PIPELINES / "flows").glob("*.toml")):
        flow = tomllib.loads(path.read_text())
        config = yaml.safe_load((PIPELINES / "config" / f"{path.stem}.yaml").read_text())
        seed = config.get("seed", 1)
        for stage in STAGES:
            in_flow, in_config = ({"seed": seed} | settings.get(stage, {}) for settings in (flow, config))
            if in_flow != in_config or (stage in flow) != (stage in config):
                sys.exit(
                    f"check_options: {stage} is {flow.get(stage)} in flows/{path.name},"
                    f" but {config.get(stage)} in config/{path.stem}.yaml"
                )


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_options.py DIRECTORY")
    check_schema(Path(sys.argv[1]))
    check_flows()


if __name__ == "__main__":
    main()
