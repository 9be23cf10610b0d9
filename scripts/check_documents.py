#!/usr/bin/env python3
"""Runs what the documents tell people to type, and follows every link.

Usage: check_documents.py BINARIES [DOCUMENT...] [--keep DOCUMENT FOLDER] [--only-look-up DOCUMENT]...

BINARIES is the folder of the built programs, such as target/release. Without DOCUMENT all Markdown
files of the repository are checked. With --keep a page is run in FOLDER, which stays. Needs the
packages of scripts/ci-requirements.txt.

- Every link to a file of the repository leads to a file, and to a heading where it names one. Links
  between pages of docs/ stay inside docs/, so that they also work in the built book. Paths in code
  spans, such as `scripts/bench/run`, exist too.
- Every message that docs/troubleshooting.md explains is one that the program has.
- In README.md and docs/ every fenced block names its language. Blocks in sh, sql and python are run,
  in the order of the page, in one temporary folder per page. A line that fails ends the check.
- A block is not run if the line above it is `<!-- not run: REASON -->`. Its commands are still
  looked up: programs, stages, options and files of the repository must exist.
- In other pages blocks in sh are looked up and not run.
- `<!-- files: NAME... -->` puts a sample of the embedded data under these names into the folder.
- `<!-- continues: PAGE -->` runs a page in the folder that another page has left.
"""

import argparse
import csv
import gzip
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "docs"
RUN = {"sh", "sql", "python"}
SHOWN = {"text", "toml", "yaml", "json", "rust", "tsv", "diff"}
# Programs of the system that documents may name.
SYSTEM = {"cd", "cp", "mv", "rm", "ls", "mkdir", "export", "time", "git", "python3", "pip", "snakemake",
          "mdbook", "sha256sum", "perf", "less", "head", "source", "barrnap", "create_report"}
CARGO = {"build", "test", "run", "fmt", "clippy", "install", "doc"}
# Messages of the library that reads command lines.
CLAP = {"unexpected argument"}
# Records of each genus in the sample that stands for a reader's own file.
SAMPLE = 14


@dataclass
class Block:
    """A fenced block: its language, its text, the number of its first line, and the comments above."""
    language: str
    text: str
    line: int
    comments: list[str]

    def comment(self, key):
        """What the comment `<!-- key: ... -->` above the block says, or None."""
        prefix = f"{key}:"
        return next((c[len(prefix):].strip() for c in self.comments if c.startswith(prefix)), None)


def fail(path, line, message):
    """Ends the program: the place, then what is wrong there."""
    sys.exit(f"check_documents: {path.relative_to(ROOT)}, line {line}: {message}")


def blocks_of(path):
    """The fenced blocks of a page and its text outside of them, line by line."""
    blocks, prose, comments, block = [], [], [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = re.match(r"\s*```(.*)", line)
        if block is not None:
            if fence:
                blocks.append(block)
                block = None
            else:
                block.text += line + "\n"
        elif fence:
            block = Block(fence[1].strip(), "", number + 1, comments)
            comments = []
        else:
            prose.append((number, line))
            found = re.findall(r"<!--\s*(.*?)\s*-->", line)
            comments = comments + found if found else ([] if line.strip() else comments)
    if block is not None:
        fail(path, block.line, "the block is not closed")
    return blocks, prose


# Links ------------------------------------------------------------------------------------------


@cache
def anchors(path):
    """The anchors of a page's headings, as GitHub and mdBook make them."""
    found, seen = set(), {}
    for _, line in blocks_of(path)[1]:
        if heading := re.match(r"#+\s+(.*)", line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).strip().lower()
            slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            count = seen[slug] = seen.get(slug, -1) + 1
            found.add(f"{slug}-{count}" if count else slug)
    return found


def check_links(path, prose):
    """Follows the links of a page; returns how many lead into the repository."""
    count = 0
    for number, line in prose:
        line = re.sub(r"`[^`]*`", "", line)
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            name, _, anchor = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            if not file.exists():
                fail(path, number, f"the link {target} leads nowhere")
            if BOOK in path.parents and not file.is_relative_to(BOOK):
                fail(path, number, f"the link {target} leaves docs/ and would break in the book: name the path instead")
            if anchor and file.suffix == ".md" and anchor not in anchors(file):
                fail(path, number, f"{name or path.name} has no heading #{anchor}")
    return count


def check_book():
    """Every page of docs/ is a chapter of the book."""
    summary = (BOOK / "SUMMARY.md").read_text()
    chapters = {(BOOK / name).resolve() for name in re.findall(r"\]\(([^)]+\.md)\)", summary)}
    pages = set(BOOK.rglob("*.md")) - {BOOK / "SUMMARY.md"}
    if missing := sorted(str(page.relative_to(ROOT)) for page in pages - chapters):
        sys.exit(f"check_documents: docs/SUMMARY.md does not name {', '.join(missing)}")


def check_paths(path, prose):
    """Paths of the repository that stand in code spans exist."""
    for number, line in prose:
        for name in re.findall(r"`((?:crates|scripts|pipelines|docs|data|tests|\.ci)/[\w./-]+)`", line):
            if not (ROOT / name).exists():
                fail(path, number, f"{name} does not exist")


def check_messages():
    """The messages in the first column of docs/troubleshooting.md stand in the sources or in the bad-input cases."""
    page = BOOK / "troubleshooting.md"
    files = [*ROOT.glob("crates/*/src/**/*.rs"), *ROOT.glob("tests/bad-inputs/*/cases.tsv")]
    known = re.sub(r"\\\n\s*", "", "".join(file.read_text() for file in files))
    for number, line in blocks_of(page)[1]:
        first = line.split("|")[1] if line.startswith("|") else ""
        for message in re.findall(r"`([^`]+)`", first):
            if message not in known and message not in CLAP:
                fail(page, number, f"the program has no message {message!r}")


# Commands that are looked up, not run -----------------------------------------------------------


def commands_of(text):
    """The commands of a shell block as lists of words, joined lines and comments resolved."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split, lexer.commenters = True, "#"
        command = []
        for word in lexer:
            if word in ("|", "||", "&&", ";", "&"):
                yield command
                command = []
            else:
                command.append(word)
        yield command


class Programs:
    """The built programs, asked for their help."""

    def __init__(self, binaries):
        self.binaries = binaries

    @cache
    def help(self, stage):
        """What `readlens STAGE --help` prints, or None where there is no such stage."""
        command = [self.binaries / "readlens"] + ([stage] if stage else []) + ["--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def check(self, words):
        """What is wrong with the arguments of `readlens`, or None."""
        stage = next((word for word in words if not word.startswith("-")), "")
        text = self.help(stage)
        if text is None:
            return f"readlens has no {stage}"
        options = [re.match(r"--[\w-]+", word)[0] for word in words if re.match(r"--[a-z]", word)]
        unknown = [option for option in options if not re.search(rf"{option}(?![\w-])", text)]
        return f"readlens {stage} has no {unknown[0]}" if unknown else None


def look_up(command, programs):
    """What is wrong with a command that is not run, or None."""
    words = list(command)
    while words and (re.match(r"[A-Z_]+=", words[0]) or words[0] in ("time", "export")):
        words.pop(0)
    if not words:
        return None
    program, arguments = words[0], words[1:]
    for word in words:
        path = re.match(r"(?:scripts|pipelines|crates|data/16s|docs|\.ci)/[\w./-]*", word)
        if path and not (ROOT / path[0]).exists():
            return f"{path[0]} does not exist"
    name = Path(program).name
    if name == "readlens":
        return programs.check(arguments)
    if name.startswith("readlens-"):
        return programs.check([name.removeprefix("readlens-"), *arguments])
    if name == "cargo":
        if arguments[0] not in CARGO:
            return f"cargo {arguments[0]} is not known to this check"
        for option, value in zip(arguments, arguments[1:]):
            is_package = option in ("-p", "--package")
            if is_package and not (ROOT / "crates" / value).is_dir() and value != "readlens-tests":
                return f"there is no crate {value}"
        is_run = arguments[0] == "run" and "--" in arguments
        return programs.check(arguments[arguments.index("--") + 1:]) if is_run else None
    if name in SYSTEM or (ROOT / program).is_file():
        return None
    return f"{program} is not known to this check"


# Blocks that are run ----------------------------------------------------------------------------


def write_sample(names, folder):
    """Writes a sample of the embedded genes as the files `names`: sequences, or their taxonomy."""
    with open(ROOT / "data/16s/demo.tsv", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    per_genus, chosen = {}, {}
    for row in rows:
        members = per_genus.setdefault(row[header.index("genus")], [])
        if len(members) < SAMPLE:
            members.append(row)
            chosen[row[0]] = row
    for name in names:
        if ".fasta" in name:
            with gzip.open(ROOT / "data/16s/demo.fasta.gz", "rt") as file:
                records = file.read().split(">")[1:]
            kept = [f">{record}" for record in records if record.split()[0] in chosen]
            opener = gzip.open if name.endswith(".gz") else open
            with opener(folder / name, "wt") as file:
                file.writelines(kept)
        elif name.endswith(".tsv"):
            lines = ["\t".join(row) for row in [header, *chosen.values()]]
            (folder / name).write_text("\n".join(lines) + "\n")
        else:
            sys.exit(f"check_documents: no sample for {name}")


def run_block(path, block, folder, binaries):
    """Runs a block in `folder`; ends the program where it fails."""
    # `python3` is the one that runs this check: it has the packages that pages tell people to install.
    programs = os.pathsep.join(map(str, [binaries, Path(sys.executable).parent, os.environ["PATH"]]))
    environment = os.environ | {"PATH": programs}
    if block.language == "sql":
        previous = os.getcwd()
        os.chdir(folder)
        try:
            rows = duckdb.sql(block.text)
            if rows is not None and not rows.fetchall():
                fail(path, block.line, "the query returns no row")
        except duckdb.Error as error:
            fail(path, block.line, f"the query fails: {error}")
        finally:
            os.chdir(previous)
        return
    command = ["bash", "-euo", "pipefail", "-c", block.text]
    if block.language == "python":
        command = [sys.executable, "-c", block.text]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(path, block.line, f"the block ends with {done.returncode}:\n{done.stdout}{done.stderr}")


def tracked():
    """The Markdown files that git tracks or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [ROOT / name for name in names if (ROOT / name).exists()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", type=Path)
    parser.add_argument("documents", type=Path, nargs="*")
    parser.add_argument("--only-look-up", type=Path, action="append", default=[], metavar="DOCUMENT", help="run none of its blocks")
    parser.add_argument("--keep", type=Path, nargs=2, metavar=("DOCUMENT", "FOLDER"))
    arguments = parser.parse_args()
    binaries = arguments.binaries.resolve()
    programs = Programs(binaries)
    pages = [page.resolve() for page in arguments.documents] or tracked()
    check_book()
    check_messages()

    folders = {}
    with tempfile.TemporaryDirectory() as temporary:

        def continues(page):
            lines = (re.match(r"<!-- continues: (\S+) -->", line) for _, line in blocks_of(page)[1])
            return next((line[1] for line in lines if line), None)

        # A page that continues another comes after it.
        for page in sorted(pages, key=lambda page: (continues(page) is not None, page)):
            blocks, prose = blocks_of(page)
            links = check_links(page, prose)
            check_paths(page, prose)
            before = continues(page)
            folder = folders.get(page.parent / before) if before else None
            if before and folder is None:
                fail(page, 1, f"{before}, which this page continues, was not run")
            started, ran = time.monotonic(), 0
            is_typed = page == ROOT / "README.md" or BOOK in page.parents
            for block in blocks:
                if is_typed and block.language not in RUN | SHOWN:
                    fail(page, block.line - 1, f"the block names no language that this check knows: {block.language!r}")
                if block.language not in RUN:
                    continue
                reason = block.comment("not run") if is_typed else "a page for developers"
                if page in [path.resolve() for path in arguments.only_look_up]:
                    reason = "asked for"
                if reason == "":
                    fail(page, block.line, "the block is not run and does not say why")
                if reason is None:
                    if folder is None:
                        kept = arguments.keep and arguments.keep[0].resolve() == page
                        folder = arguments.keep[1].resolve() if kept else Path(tempfile.mkdtemp(dir=temporary))
                        folder.mkdir(parents=True, exist_ok=True)
                        for name in ("data", "scripts", "pipelines"):
                            (folder / name).symlink_to(ROOT / name)
                    write_sample((block.comment("files") or "").split(), folder)
                    run_block(page, block, folder, binaries)
                    ran += 1
                elif block.language == "sh":
                    for command in commands_of(block.text):
                        if wrong := look_up(command, programs):
                            fail(page, block.line, f"{shlex.join(command)}: {wrong}")
            folders[page] = folder
            seconds = time.monotonic() - started
            print(f"{page.relative_to(ROOT)}: {links} links, {len(blocks)} blocks, {ran} run in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
