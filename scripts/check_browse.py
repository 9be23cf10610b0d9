#!/usr/bin/env python3
"""Drives the page browse.html in a browser, from a server and from a disk.

Usage: check_browse.py BINARIES FOLDER [RUN]

BINARIES holds the stages; FOLDER is made, and keeps the tables, the pages and their pictures. RUN is a
folder with tokens, masks, bases and stretches of a run; its page is written there too. Needs the
packages of scripts/browse-requirements.txt and Chromium: `chromium`, `chromium-browser` or
`google-chrome` on the path. Where there is none, and this is root on Debian or Ubuntu, it is
installed with apt-get. Exits with 1 at the first thing that is not as it should be.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

import pyarrow.parquet as parquet
from playwright.sync_api import expect, sync_playwright

from browse_tables import HOSTILE, RANKS, Sample, lineage, sizes
from browse_visit import Parts, Visit, Whole, chromium, require, served

# Seconds until the first row of 100,000 may be there, on a machine that does other work too. One
# second is the aim; what it was is printed.
PATIENCE = 5
LARGE = 100_000


def wrong_of(sample, rank):
    said = ((record, sample.prediction(record, rank)[0]) for record in range(len(sample.ids)))
    return [record for record, taxon in said if taxon is not None and taxon != lineage(record)[RANKS.index(rank)]]


def check_list(visit, sample):
    """Search, filters, sorting and keys."""
    page, count = visit.page, len(sample.ids)
    visit.hits(f"{count} windows")
    require(visit.ids()[:2] == sample.ids[:2], "the list does not begin as the table does")
    visit.find("GENUS7 record")
    visit.hits(f"{sum(lineage(record)[2] == 'Genus7' for record in range(count))} of {count} windows")
    visit.find("onerror=alert")
    visit.hits(f"1 of {count} windows")
    require(visit.ids() == [HOSTILE], "the hostile id is not shown as text")
    require(page.locator("#browser img").count() == 0, "the hostile id became an element")
    page.get_by_role("button", name="Show all").click()
    visit.hits(f"{count} windows")

    for rank in ("genus", "phylum"):
        page.get_by_label("Rank", exact=True).select_option(rank)
        page.get_by_label("Prediction", exact=True).select_option("wrong")
        visit.hits(f"{len(wrong_of(sample, rank))} of {count} windows")
        require(visit.ids()[:5] == [sample.ids[record] for record in wrong_of(sample, rank)[:5]], f"other wrong windows at {rank}")
    page.get_by_label("Prediction", exact=True).select_option("open")
    visit.hits(f"{sum(record % 10 == 9 for record in range(count))} of {count} windows")
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("Rank", exact=True).select_option("genus")
    page.get_by_label("Confidence from").fill("40")
    page.get_by_label("Confidence to").fill("60")
    visit.hits(f"{sum(0.4 <= sample.prediction(record, 'genus')[1] <= 0.6 for record in range(count))} of {count} windows")
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("Area from").fill("10")
    visit.hits(f"{sum(area >= 0.0995 for area in sample.area)} of {count} windows")
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("Split", exact=True).select_option("test")
    visit.hits(f"{sample.splits.count('test')} of {count} windows")
    page.get_by_role("button", name="Show all").click()

    head = page.get_by_role("columnheader", name="Id", exact=True)
    for direction, order in (("ascending", sorted(sample.ids)), ("descending", sorted(sample.ids, reverse=True)), ("none", sample.ids)):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", direction)
        require(visit.ids()[:10] == order[:10], f"the order is not {direction}")
    page.get_by_role("columnheader", name="Area").get_by_role("button").click()
    order = sorted(range(count), key=lambda record: (round(sample.area[record], 6), record))
    require(visit.ids()[:10] == [sample.ids[record] for record in order[:10]], "the order by area is another one")
    for _ in range(2):
        page.get_by_role("columnheader", name="Area").get_by_role("button").click()

    grid = page.get_by_role("grid", name="Windows")
    grid.focus()
    for key, row in (("ArrowDown", 0), ("ArrowDown", 1), ("End", count - 1), ("ArrowUp", count - 2), ("Home", 0)):
        page.keyboard.press(key)
        expect(grid).to_have_attribute("aria-activedescendant", f"row-{row}")
        chosen = page.locator(f"#row-{row}")
        expect(chosen).to_have_attribute("aria-selected", "true")
        expect(chosen).to_be_visible()
        require(chosen.locator("[role=gridcell]").first.text_content() == sample.ids[row], f"{key} chose another row")
    page.keyboard.press("Enter")
    expect(page.locator("#panel-heading")).to_be_focused()
    page.keyboard.press("Escape")
    expect(grid).to_be_focused()


def check_window(visit, sample, record, copied):
    """The panel of one window, and what it copies."""
    page = visit.page
    visit.find(sample.ids[record])
    page.locator("#row-0").click()
    panel = page.locator("#panel")
    expect(panel.get_by_role("heading", level=2)).to_have_text(sample.ids[record])
    expect(panel).to_contain_text(f"strand {'-' if sample.is_reverse[record] else '+'}")
    start, end = sample.stretch(record)
    expect(panel.locator(".stretches tbody tr")).to_have_count(1)
    expect(panel.locator(".stretches tbody td").first).to_have_text(f"{start:,}–{end:,}")
    panel.get_by_role("button", name="Copy as FASTA: bases").click()
    require(copied() == sample.fasta(record), f"what was copied of {sample.ids[record]} is not its stretch")

    letters = "".join(panel.locator(".letter-cells text").all_text_contents())
    require(letters in sample.bases[record] and len(letters) >= 20, "the letters of the track are not the record's")
    overview = panel.get_by_role("slider")
    page.locator("#zoom-whole").click()
    expect(overview).to_have_attribute("aria-valuetext", f"bases 0–{sample.length:,}")
    require(panel.locator(".letter-cells").count() == 0, "letters are drawn where they have no room")
    panel.get_by_text("The same bases as text").click()
    expect(panel.locator("pre.letters")).not_to_be_empty()
    text = panel.locator("pre.letters").text_content()
    lines = (line.lstrip().split("  ", 1)[1].replace(" ", "") for line in text.splitlines())
    written = "".join(lines)
    require(written == sample.bases[record], f"the bases as text are not the record's: {written!r}")
    marked = panel.locator("pre.letters i").evaluate_all("marks => marks.filter(mark => mark.className === 'm').map(mark => mark.textContent)")
    require("".join(marked) == sample.bases[record][start:end], "other bases are marked")
    panel.get_by_text("The same bases as text").click()
    panel.get_by_role("button", name="Show bases").click()
    first, last = (int(place.replace(",", "")) for place in overview.get_attribute("aria-valuetext").removeprefix("bases ").split("–"))
    require(first <= start and end <= last < sample.length, "the stretch is not what is looked at")
    before = overview.get_attribute("aria-valuetext")
    overview.focus()
    page.keyboard.press("+")
    expect(overview).not_to_have_attribute("aria-valuetext", before)
    page.keyboard.press("0")
    expect(overview).to_have_attribute("aria-valuetext", f"bases 0–{sample.length:,}")
    page.locator("#zoom-bases").click()
    box = overview.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 30)
    shown = overview.get_attribute("aria-valuetext").removeprefix("bases ").replace(",", "").split("–")
    require(abs(sum(map(int, shown)) / 2 - 0.75 * sample.length) < 3, "a click on the overview does not move there")


def check_small(browser, sample, pictures):
    tables = sizes(sample.folder)
    with served(sample.folder, Parts) as home:
        visit = Visit(browser, f"{home}/browse.html", tables, permissions=["clipboard-read", "clipboard-write"])
        with visit:
            visit.ready()
            check_list(visit, sample)
            for record in (1, 7, 8):
                check_window(visit, sample, record, visit.clipboard)
            # The second method has no stretches in the table, and its own masks.
            visit.page.get_by_label("Mask", exact=True).select_option(label="lime, replicate 2, genus")
            expect(visit.page.locator("#panel h3")).to_have_text("Stretches of stretches.parquet: 0")
            visit.page.get_by_label("Mask", exact=True).select_option(index=0)
            expect(visit.page.locator(".stretches tbody tr")).to_have_count(1)
            visit.find("")
            visit.hits(f"{len(sample.ids)} windows")
            for scheme, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 24, 29)")):
                visit.page.emulate_media(color_scheme=scheme)
                require(visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == paper, f"the page is not {scheme}")
                visit.picture(pictures, scheme)
            visit.page.emulate_media(media="print")
            expect(visit.page.locator("#filters")).to_be_hidden()
            expect(visit.page.locator("#panel .track").first).to_be_visible()
            visit.page.pdf(path=pictures / "print.pdf")
            visit.page.emulate_media(media="screen", color_scheme="light")
            for width in (1100, 390):
                visit.page.set_viewport_size({"width": width, "height": 844})
                wide = visit.page.evaluate("document.documentElement.scrollWidth")
                require(wide <= width, f"the page is {wide} pixels wide in a window of {width}")
                visit.picture(pictures, f"width-{width}", full_page=True)

    # The address names the window that is chosen, and opens it.
    with served(sample.folder, Parts) as home:
        for record in (1, 100):
            link = "#" + urlencode({"id": sample.ids[record], "window": 0})
            with Visit(browser, f"{home}/browse.html", tables, link=link) as visit:
                expect(visit.page.locator("#panel-heading")).to_have_text(sample.ids[record])
                expect(visit.page.locator(f"#row-{record}")).to_be_in_viewport()
                visit.find(sample.ids[7])
                visit.page.locator("#row-0").click()
                expect(visit.page).to_have_url(f"{home}/browse.html#id={sample.ids[7]}&window=0")

    # A browser that refuses the clipboard shows the text.
    with served(sample.folder, Whole) as home:
        visit = Visit(browser, f"{home}/browse.html", tables)
        visit.context.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        with visit:
            visit.ready()

            def shown():
                text = visit.page.locator("dialog textarea").input_value()
                visit.page.get_by_role("button", name="Close").click()
                expect(visit.page.locator("dialog")).to_have_count(0)
                return text

            check_window(visit, sample, 7, shown)


def check_disk(browser, sample, pictures):
    """From a disk: files, a folder, and files that are dropped."""
    address = sample.page().as_uri()
    files = [sample.path(name) for name in ("masks", "bases", "predictions", "stretches", "tokens")]
    for way in ("files", "folder", "drop", "two"):
        with Visit(browser, address, {}) as visit:
            page = visit.page
            expect(page.get_by_role("heading", name="Pick the tables")).to_be_visible()
            if way == "files":
                visit.picture(pictures, "picker")
                page.locator("#pick-files").set_input_files(files[:1])
                expect(page.locator("#missing")).to_have_text("Not picked yet: tokens.parquet.")
                page.locator("#pick-files").set_input_files(files[1:])
            elif way == "folder":
                # Tables of the same name in a folder below are none of the page's.
                (sample.folder / "before").mkdir(exist_ok=True)
                for file in files:
                    (sample.folder / "before" / file.name).write_bytes(b"no table")
                page.locator("#pick-folder").set_input_files(sample.folder)
            elif way == "two":
                page.locator("#pick-files").set_input_files([files[0], files[-1]])
            else:
                page.evaluate("document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'dragged', multiple: true }))")
                page.locator("#dragged").set_input_files(files)
                page.evaluate("""() => {
                    const dataTransfer = new DataTransfer();
                    for (const file of document.getElementById('dragged').files) dataTransfer.items.add(file);
                    document.getElementById('picker').dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
                }""")
            visit.ready()
            visit.hits(f"{len(sample.ids)} windows")
            visit.find(sample.ids[15])
            page.locator("#row-0").click()
            start, end = sample.stretch(15)
            expect(page.locator(".stretches tbody td").first).to_have_text(f"{start:,}–{end:,}")
            expect(page.locator("#notes li")).to_have_count(3 if way == "two" else 0)
            page.locator("#zoom-whole").click()
            expect(page.locator("#panel .track.overview")).to_be_visible()


def check_faults(browser, sample):
    """What lies beside the page is missing, cut short, or of another run."""
    with served(sample.folder, Parts) as home:
        stretches = sample.path("stretches").read_bytes()
        sample.path("stretches").write_bytes(stretches[:-9])
        visit = Visit(browser, f"{home}/browse.html", sizes(sample.folder))
        with visit:
            visit.ready()
            expect(visit.page.locator("#notes")).to_contain_text("stretches.parquet is not a whole Parquet table")
            expect(visit.page.locator("#notes")).to_contain_text(f"had {len(stretches):,} when this page was made")
        sample.path("stretches").write_bytes(stretches)

        # Without masks the list and the letters are still there.
        masks, bases = sample.path("masks").read_bytes(), sample.path("bases").read_bytes()
        sample.path("masks").write_bytes(masks[: len(masks) // 2])
        visit = Visit(browser, f"{home}/browse.html", sizes(sample.folder))
        with visit:
            visit.ready()
            expect(visit.page.locator("#notes")).to_contain_text("masks.parquet is not a whole Parquet table")
            visit.page.locator("#row-0").click()
            expect(visit.page.locator("#panel")).to_contain_text("The bases are shown without one")
            visit.page.get_by_text("The same bases as text").click()
            expect(visit.page.locator("pre.letters")).to_contain_text(sample.bases[0][25:30])
        sample.path("masks").write_bytes(masks)

        # Row groups that are spoilt are found when a window needs them.
        for spoilt in (b"\0", b"\xff", b"\x15"):
            middle = len(bases) // 2
            sample.path("bases").write_bytes(bases[:4] + spoilt * (middle - 4) + bases[middle:])
            visit = Visit(browser, f"{home}/browse.html", sizes(sample.folder))
            with visit:
                visit.ready()
                visit.page.locator("#row-0").click()
                expect(visit.page.locator("#panel .fault")).to_contain_text("bases.parquet")
        sample.path("bases").write_bytes(bases)

        sample.path("tokens").rename(sample.folder / "away")
        visit = Visit(browser, f"{home}/browse.html", {"tokens.parquet"})
        with visit:
            expect(visit.page.locator("#notes")).to_contain_text("tokens.parquet is not beside this page: the server answered 404")
            expect(visit.page.locator("#picker")).to_be_visible()
            # The browser itself writes what was not found.
            require(len(visit.said) == 2 and all("404" in line for line in visit.said), f"the console says {visit.said}")
            visit.said.clear()
        (sample.folder / "away").rename(sample.path("tokens"))


def check_large(browser, sample):
    tables = sizes(sample.folder)
    Parts.sent.clear()
    with served(sample.folder, Parts) as home, Visit(browser, f"{home}/browse.html", tables) as visit:
        page = visit.page
        visit.ready()
        first, ready = visit.mark("first-row"), visit.mark("ready")
        print(f"check_browse: of {LARGE:,} windows the first row was there after {first:.2f} s, everything after {ready:.2f} s")
        require(first < PATIENCE, f"the first row took {first:.2f} s")
        visit.hits(f"{LARGE:,} windows")
        rows = page.locator("#grid .sizer .row").count()
        require(rows < 60, f"{rows} rows are elements of the page")
        opened = dict(Parts.sent)
        for name in ("tokens.parquet", "masks.parquet", "bases.parquet"):
            share = opened[name] / tables[name]
            print(f"check_browse: opening read {opened[name]:,} bytes of {name}, {100 * share:.1f} %")
        require(opened["bases.parquet"] <= 65_536, "masks on bases were read before a window was chosen")
        page.get_by_role("grid", name="Windows").focus()
        page.keyboard.press("End")
        expect(page.locator("#panel-heading")).to_have_text(sample.ids[-1])
        expect(page.locator(f"#row-{LARGE - 1}")).to_be_visible()
        for name in ("tokens.parquet", "masks.parquet", "bases.parquet"):
            read = Parts.sent[name] - opened[name]
            require(read < tables[name] / 3, f"one window read {read:,} of the {tables[name]:,} bytes of {name}")
        phylum = sum(lineage(record)[1] == "Phylum2" for record in range(LARGE))
        for text, hits in (("record09999", f"10 of {LARGE:,} windows"), ("phylum2", f"{phylum:,} of {LARGE:,} windows"), ("", f"{LARGE:,} windows")):
            visit.find(text)
            visit.hits(hits)
        for title in ("Id", "Predicted", "Confidence", "Area"):
            took = page.evaluate("""title => {
                const heads = [...document.querySelectorAll('#grid [role=columnheader] button')];
                const start = performance.now();
                heads.find(head => head.textContent.startsWith(title)).click();
                return performance.now() - start;
            }""", title)
            print(f"check_browse: sorting {LARGE:,} windows by {title} took {took / 1000:.2f} s")
            require(took < 1000 * PATIENCE, f"sorting by {title} took {took / 1000:.2f} s")


def check_long(browser, sample):
    """More rows than a browser can scroll by single pixels."""
    last = len(sample.ids) - 1
    with served(sample.folder, Parts) as home, Visit(browser, f"{home}/browse.html", sizes(sample.folder)) as visit:
        page = visit.page
        visit.ready()
        grid = page.get_by_role("grid", name="Windows")
        grid.focus()
        for key, row in (("End", last), ("ArrowUp", last - 1), ("ArrowUp", last - 2), ("Home", 0), ("ArrowDown", 1)):
            page.keyboard.press(key)
            expect(grid).to_have_attribute("aria-activedescendant", f"row-{row}")
            expect(page.locator(f"#row-{row}")).to_be_in_viewport()
            require(page.locator(f"#row-{row} .id").text_content() == sample.ids[row], f"{key} chose another row")
        for _ in range(40):
            page.keyboard.press("PageDown")
        row = int(grid.get_attribute("aria-activedescendant").removeprefix("row-"))
        expect(page.locator(f"#row-{row}")).to_be_in_viewport()
        grid.evaluate("grid => { grid.scrollTop = (grid.scrollHeight - grid.clientHeight) / 2 }")
        page.wait_for_timeout(200)
        seen = visit.ids()
        middle = sample.ids.index(seen[len(seen) // 2])
        require(abs(middle - last / 2) < 200, f"row {middle} is in the middle of {last + 1}")


def letters_of(row, tokenization):
    """The letters of a window of the forward strand, from its tokens alone."""
    k, stride, letters = tokenization["k"], tokenization["stride"], ["."] * (row["end"] - row["start"])
    for place, token in enumerate(row["tokens"][1:] if tokenization["cls"] else row["tokens"]):
        kmer = "".join("ACGT"[(token - 5) // 4**power % 4] for power in reversed(range(k))) if token >= 5 else "N" * k
        for offset, letter in enumerate(kmer):
            if letter != "N" or letters[place * stride + offset] == ".":
                letters[place * stride + offset] = letter
    return "".join(letters)


def check_run(browser, binaries, folder):
    """Tables that the stages wrote: letters and colours are those that pyarrow finds."""
    tables = [option for name in ("tokens", "masks", "bases", "stretches") for option in (f"--{name}", folder / f"{name}.parquet")]
    pages = ("--output", folder / "browse-report.html", "--browse", folder / "browse.html")
    subprocess.run([binaries / "readlens-report", *tables, *pages, "--quiet"], check=True)
    table = parquet.read_table(folder / "tokens.parquet")
    tokenization = json.loads(table.schema.metadata[b"readlens.tokenization"])
    bases = parquet.read_table(folder / "bases.parquet").to_pylist()
    first = {key: bases[0][key] for key in ("method", "replicate", "rank")}
    masks = {(row["id"], row["window"]): row["mask"] for row in bases if first.items() <= row.items()}
    windows = Counter(table["id"].to_pylist())
    is_shown = lambda row: row["strand"] == "+" and windows[row["id"]] == 1 and (row["id"], row["window"]) in masks
    rows = list(filter(is_shown, table.to_pylist()))
    require(rows, f"{folder} has no window of the forward strand with a mask")
    names = {f"{name}.parquet" for name in ("tokens", "masks", "bases", "stretches")}
    with served(folder, Parts) as home, Visit(browser, f"{home}/browse.html", names) as visit:
        visit.ready()
        visit.hits(f"{table.num_rows:,} windows")
        for row in rows[:3]:
            visit.find(row["id"])
            visit.page.locator("#grid .sizer .row:not([hidden]) .cell.id").get_by_text(row["id"], exact=True).click()
            expect(visit.page.locator("#panel-heading")).to_have_text(row["id"])
            visit.page.locator("#zoom-whole").click()
            visit.page.get_by_text("The same bases as text").click()
            text = visit.page.locator("pre.letters")
            expect(text).not_to_be_empty()
            shown = text.evaluate("""text => [...text.childNodes].flatMap(node => {
                if (node.className === 'at' || !/[A-Z.]/.test(node.textContent)) return [];
                return [...node.textContent].filter(c => c > ' ').map(c => [c, 'xabcdefghijklmno'.indexOf(node.className || 'x')]);
            })""")
            require("".join(letter for letter, _ in shown) == letters_of(row, tokenization), f"other letters of {row['id']}")
            # Halfway between two steps either may be shown.
            steps = zip((step for _, step in shown), masks[row["id"], row["window"]])
            require(all(abs(step - 15 * value) <= 0.5001 for step, value in steps), f"other colours of {row['id']}")


def main():
    binaries, folder = (Path(argument).resolve() for argument in sys.argv[1:3])
    methods = [("explainer", 1, "all"), ("explainer", 2, "all"), ("lime", 2, "genus")]
    small = Sample(folder / "small", binaries, 120, 600, methods)
    small.write()
    small.page()
    large = Sample(folder / "large", binaries, LARGE, 300, methods[:1])
    large.write()
    large.page()
    long = Sample(folder / "long", binaries, 3 * LARGE, 60, methods[:1])
    long.write_tokens()
    long.write_masks()
    long.page()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        check_small(browser, small, folder)
        check_disk(browser, small, folder)
        check_faults(browser, small)
        check_large(browser, large)
        check_long(browser, long)
        for run in sys.argv[3:]:
            check_run(browser, binaries, Path(run).resolve())
        browser.close()
    print("check_browse: the page works from a server and from a disk")


if __name__ == "__main__":
    main()
