#!/usr/bin/env python3
"""Validates every manifest of a finished run against docs/reference/manifest.schema.json.

Usage: check_manifests.py DIRECTORY, where DIRECTORY is the output of `readlens demo`, `readlens run`
or the workflow. Manifests stand in the metadata of tables, in the directories of models and in
metrics.json. Stops at the first that is not what the schema says. Needs the packages of
scripts/ci-requirements.txt.
"""

import json
import sys
from pathlib import Path

import jsonschema
import pyarrow.parquet

SCHEMA = Path(__file__).parent.parent / "docs" / "reference" / "manifest.schema.json"


def manifests(directory: Path):
    """Every manifest below the directory, with the file that it stands in."""
    for path in sorted(directory.rglob("*.parquet")):
        text = (pyarrow.parquet.read_metadata(path).metadata or {}).get(b"readlens.manifest")
        if text is None:
            sys.exit(f"{path}: expected the metadata readlens.manifest, found none; pass what a stage wrote")
        yield path, json.loads(text)
    for path in sorted(directory.rglob("manifest.json")):
        yield path, json.loads(path.read_text())
    for path in sorted(directory.rglob("metrics.json")):
        yield path, json.loads(path.read_text())["manifest"]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: check_manifests.py DIRECTORY")
    directory = sys.argv[1]
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    validator.check_schema(validator.schema)
    count = 0
    for path, manifest in manifests(Path(directory)):
        for error in validator.iter_errors(manifest):
            sys.exit(f"{path}: {error.json_path}: {error.message}")
        count += 1
    if count == 0:
        sys.exit(f"{directory} has no manifest")
    print(f"{count} manifests are what the schema says")


if __name__ == "__main__":
    main()
