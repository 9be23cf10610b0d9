"""A browser, a server and a visit to browse.html, for check_browse.py."""

import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import expect


def require(holds, message):
    if not holds:
        sys.exit(f"check_browse: {message}")


def chromium():
    for attempt in range(2):
        for name in ("chromium", "chromium-browser", "google-chrome"):
            if found := shutil.which(name):
                return found
        if attempt == 0 and shutil.which("apt-get") and os.geteuid() == 0:
            print("check_browse: no Chromium on the path; installing it with apt-get")
            for step in ("update", "install --yes --no-install-recommends chromium"):
                subprocess.run(["apt-get", "--quiet", *step.split()], stdout=subprocess.DEVNULL)
    sys.exit("check_browse: there is no chromium, chromium-browser or google-chrome on the path; install one, as with `apt-get install chromium`")


class Parts(SimpleHTTPRequestHandler):
    """Serves files, and parts of files; counts the bytes of each."""

    sent = {}

    def log_message(self, *_):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range", "")
        path = Path(self.translate_path(self.path))
        if not wanted.startswith("bytes=") or not path.is_file():
            return super().do_GET()
        first, last = wanted.removeprefix("bytes=").split("-")
        size = path.stat().st_size
        start = int(first) if first else max(size - int(last), 0)
        end = min(int(last) + 1, size) if first and last else size
        with path.open("rb") as file:
            file.seek(start)
            body = file.read(end - start)
        self.sent[path.name] = self.sent.get(path.name, 0) + len(body)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Whole(SimpleHTTPRequestHandler):
    """Knows no ranges."""

    def log_message(self, *_):
        pass


@contextmanager
def served(folder, handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class Visit:
    """A page that is open; it may ask for nothing but its tables, and may say nothing to the console."""

    def __init__(self, browser, address, tables, link="", **options):
        self.context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        self.page = self.context.new_page()
        self.address, self.tables, self.link = address, tables, link
        self.asked, self.said = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}") or dialog.dismiss())

    def __enter__(self):
        self.page.goto(self.address + self.link)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            home = self.address.rsplit("/", 1)[0]
            allowed = {self.address, *(f"{home}/{name}" for name in self.tables)}
            strangers = {url for url in self.asked if url.split("#")[0] not in allowed}
            require(not strangers, f"the page asked for {strangers}")
            require(not self.said, f"the console says {self.said}")
        self.context.close()

    def hits(self, expected):
        expect(self.page.locator("#hits")).to_have_text(expected)

    def ids(self):
        return self.page.eval_on_selector_all(
            "#grid .sizer .row:not([hidden])",
            "rows => rows.sort((a, b) => a.dataset.index - b.dataset.index).map(row => row.firstChild.textContent)",
        )

    def find(self, text):
        self.page.get_by_label("Id or taxon").fill(text)

    def ready(self):
        self.wait("performance.getEntriesByName('ready').length === 1")

    def wait(self, expression):
        """Waits until it holds. The waiting of playwright evaluates text, which the page forbids."""
        for _ in range(600):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(50)
        sys.exit(f"check_browse: waited in vain for {expression}; the console says {self.said}")

    def clipboard(self):
        self.wait("document.getElementById('status').textContent.startsWith('Copied')")
        self.page.evaluate("document.getElementById('status').textContent = ''")
        return self.page.evaluate("navigator.clipboard.readText()")

    def mark(self, name):
        return self.page.evaluate(f"performance.getEntriesByName('{name}')[0].startTime") / 1000

    def picture(self, folder, name, **options):
        self.page.screenshot(path=folder / f"{name}.png", **options)
