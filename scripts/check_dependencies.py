#!/usr/bin/env python3
"""Checks what readlens is built from, and that docs/dependencies.md says it.

Usage: check_dependencies.py [--write]

Reads deny.toml, supply-chain/dependencies.toml and, through `cargo metadata --locked`, both lock
files: that of the project and that of its fuzzers. Needs Python 3.11 and nothing else. Fails if

- a crate has no licence that deny.toml allows,
- a crate comes from elsewhere than crates.io, or without a checksum in the lock file,
- a crate is banned, or a dependency is named without a version,
- a direct dependency has no note, or a note no dependency,
- a package of the Parquet reader in crates/readlens-report/vendor has no version, no digest or such a
  licence,
- docs/dependencies.md is not what this program makes of all this; --write writes it.

These are the checks `licenses`, `bans` and `sources` of cargo-deny. Its check of advisories needs a
database that only it fetches: run `cargo deny check advisories` where git reaches it.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "dependencies.md"
NOTES = ROOT / "supply-chain" / "dependencies.toml"
VENDORED = ROOT / "crates" / "readlens-report" / "vendor" / "hyparquet"
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def metadata(manifest):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--manifest-path", str(manifest)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def allows(expression, allowed):
    """Whether an SPDX expression can be met by `allowed` licences; an old `/` means OR."""
    tokens = re.findall(r"[()]|[^\s()/]+|/", expression)
    place = 0

    def peek():
        return tokens[place] if place < len(tokens) else None

    def take():
        nonlocal place
        place += 1
        return tokens[place - 1]

    def one():
        if peek() == "(":
            take()
            inner = either()
            if peek() != ")":
                raise ValueError(f"no licence expression: {expression}")
            take()
            return inner
        name = take()
        if peek() == "WITH":
            take()
            return f"{name} WITH {take()}" in allowed
        return name in allowed

    def both():
        met = one()
        while peek() == "AND":
            take()
            met = one() and met
        return met

    def either():
        met = both()
        while peek() in ("OR", "/"):
            take()
            met = both() or met
        return met

    met = either()
    if place != len(tokens):
        raise ValueError(f"no licence expression: {expression}")
    return met


def checksums(lock):
    """(name, version) of the packages of a lock file that have a checksum."""
    packages = tomllib.loads(lock.read_text())["package"]
    return {(package["name"], package["version"]) for package in packages if "checksum" in package}


class Graph:
    """What Cargo resolves for one workspace."""

    def __init__(self, manifest):
        found = metadata(manifest)
        self.packages = {package["id"]: package for package in found["packages"]}
        self.nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
        self.checksums = checksums(manifest.parent / "Cargo.lock")
        self.ours = {id for id, package in self.packages.items() if package["source"] is None}

    def others(self):
        return [package for id, package in self.packages.items() if id not in self.ours]

    def direct(self):
        """Name -> (packages, kinds of dependency)."""
        direct = {}
        for id in self.ours:
            for dependency in self.nodes[id]["deps"]:
                if dependency["pkg"] in self.ours:
                    continue
                package = self.packages[dependency["pkg"]]
                packages, kinds = direct.setdefault(package["name"], ({}, set()))
                packages[package["id"]] = package
                kinds |= {kind["kind"] or "normal" for kind in dependency["dep_kinds"]}
        return direct

    def without(self, name):
        """Ids that are left if nobody of ours names the crate."""
        seen, waiting = set(self.ours), list(self.ours)
        while waiting:
            id = waiting.pop()
            for dependency in self.nodes[id]["deps"]:
                to = dependency["pkg"]
                is_left_out = id in self.ours and self.packages[to]["name"] == name
                if not is_left_out and to not in seen:
                    seen.add(to)
                    waiting.append(to)
        return seen


def faults_of(graph, deny):
    allowed = set(deny["licenses"]["allow"])
    banned = {ban["crate"]: ban["reason"] for ban in deny["bans"]["deny"]}
    for package in graph.others():
        name = f"{package['name']} {package['version']}"
        licence = package["license"]
        if licence is None:
            yield f"{name}: no licence expression"
        elif not allows(licence, allowed):
            yield f"{name}: the licence {licence} is not among those that deny.toml allows"
        if package["source"] != CRATES_IO:
            yield f"{name}: comes from {package['source']}"
        if (package["name"], package["version"]) not in graph.checksums:
            yield f"{name}: has no checksum in the lock file"
        if package["name"] in banned:
            yield f"{name}: banned by deny.toml ({banned[package['name']]})"
    for id in graph.ours:
        for dependency in graph.packages[id]["dependencies"]:
            if dependency["req"] == "*" and dependency.get("path") is None:
                yield f"{graph.packages[id]['name']}: names {dependency['name']} without a version"


def packages_of_npm():
    """Name -> what package-lock.json says of the packages that are bundled."""
    locked = json.loads((VENDORED / "package-lock.json").read_text())["packages"]
    return {name: locked[f"node_modules/{name}"] for name in locked[""]["dependencies"]}


def faults_of_npm(deny):
    for name, package in packages_of_npm().items():
        if not allows(package.get("license", "none"), set(deny["licenses"]["allow"])):
            yield f"{name} (npm): the licence {package.get('license')} is not among those that deny.toml allows"
        if not package.get("integrity", "").startswith("sha512-"):
            yield f"{name} (npm): has no digest in {VENDORED.relative_to(ROOT)}/package-lock.json"
        if package.get("dependencies"):
            yield f"{name} (npm): brings packages that have no licence text in {VENDORED.relative_to(ROOT)}"


def page(graphs, notes):
    direct = {}
    for graph in graphs:
        for name, (packages, kinds) in graph.direct().items():
            known = direct.setdefault(name, ({}, set(), graph))
            known[0].update(packages)
            known[1].update(kinds)
    lines = [
        "# Dependencies",
        "",
        "Why each crate that readlens names is there, who keeps it, and how many further crates only it brings. This page",
        "is made by `scripts/check_dependencies.py` from the lock files and `supply-chain/dependencies.toml`; CI fails if it",
        "is out of date, or if a dependency has no note.",
        "",
        "## Rules",
        "",
        "- Every crate comes from crates.io, with its checksum in a lock file that is part of the repository, and builds use",
        "  `--locked`.",
        "- Licences are permissive: `deny.toml` lists them.",
        "- No crate talks to a network. `deny.toml` bans those that could be drawn in for it.",
        "- A new direct dependency needs a note, few dependencies of its own, and somebody who keeps it.",
        "- An update is a change like any other: the tests, the golden files and the published figures must stay.",
        "",
        "`cargo deny check` reads the same `deny.toml`. Its check of advisories needs the RustSec database, which it fetches",
        "with git; `cargo deny check licenses bans sources` works without. The project's own check covers these three on any",
        "machine with Python. CI does not read the database: ask it before a release.",
        "",
        "## Direct dependencies",
        "",
        "| crate | version | licence | what it is for | who keeps it | only it brings |",
        "|---|---|---|---|---|---|",
    ]
    footnotes = []
    for name in sorted(direct):
        packages, kinds, graph = direct[name]
        note = notes[name]
        brought = len(set(graph.packages) - graph.without(name) - set(packages))
        versions = ", ".join(sorted(package["version"].split("+")[0] for package in packages.values()))
        licence = " or ".join(sorted({str(package["license"]).replace("/", " OR ") for package in packages.values()}))
        purpose = note["for"] + (" (tests only)" if kinds == {"dev"} else "")
        lines.append(f"| `{name}` | {versions} | {licence} | {purpose} | {note['keeper']} | {brought} |")
        if "note" in note:
            footnotes.append(f"- `{name}`: {note['note']}")
    packages = {(p["name"], p["version"]) for graph in graphs[:1] for p in graph.others()}
    versions = defaultdict(set)
    for name, version in packages:
        versions[name].add(version)
    twice = sorted(name for name, found in versions.items() if len(found) > 1)
    lines += ["", "## Remarks", "", *footnotes, "", "## In all", ""]
    lines += [
        f"The lock file of the project holds {len(packages)} crates of others, for every platform, tests and build scripts included.",
        f"{len(twice)} of them are there in more than one version: {', '.join(f'`{name}`' for name in twice)}.",
    ]
    named = [f"`{name}` {package['version']} ({package['license']})" for name, package in packages_of_npm().items()]
    lines += [
        "",
        "## In the page browse.html",
        "",
        f"The page that `readlens report --browse` writes holds two packages of npm, which read Parquet: {' and '.join(named)}.",
        "They are in the repository as one file, which `scripts/vendor-hyparquet` makes and CI makes again and compares",
        f"(`{VENDORED.relative_to(ROOT)}/README.md`). The content policy of the page lets it ask for the tables beside it only.",
    ]
    return "\n".join(lines) + "\n"


def main():
    deny = tomllib.loads((ROOT / "deny.toml").read_text())
    notes = tomllib.loads(NOTES.read_text())
    graphs = [Graph(ROOT / "Cargo.toml"), Graph(ROOT / "fuzz" / "Cargo.toml")]
    faults = sorted({fault for graph in graphs for fault in faults_of(graph, deny)})
    faults += faults_of_npm(deny)
    named = {name for graph in graphs for name in graph.direct()}
    faults += [f"{name}: no note in {NOTES.relative_to(ROOT)}" for name in sorted(named - notes.keys())]
    faults += [f"{name}: a note, but no dependency" for name in sorted(notes.keys() - named)]
    if not faults:
        text = page(graphs, notes)
        if "--write" in sys.argv[1:]:
            PAGE.write_text(text)
        elif not PAGE.exists() or PAGE.read_text() != text:
            faults.append(f"{PAGE.relative_to(ROOT)} is out of date: run scripts/check_dependencies.py --write")
    for fault in faults:
        print(f"check_dependencies: {fault}", file=sys.stderr)
    if faults:
        sys.exit(1)
    print(f"check_dependencies: {sum(len(graph.others()) for graph in graphs)} crates in two lock files, all as deny.toml wants them")


if __name__ == "__main__":
    main()
