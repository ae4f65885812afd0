"""The system's Chromium, what was built for it, and a window that notices whatever goes wrong in a page."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Route, expect

from huimeng.entry.console.bundle import DIST

ROOT = Path(__file__).parent.parent.parent
AXE = ROOT / "web" / "console" / "node_modules" / "axe-core" / "axe.min.js"
OUTPUT = ROOT / "ci-output" / "browser"

# Milliseconds for what comes at once, also on a machine that has much else to do.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
NARROWEST = {"width": 320, "height": 640}

FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
]
CONTEXT: dict[str, Any] = {
    "locale": "zh-CN",
    "timezone_id": "Asia/Shanghai",
    "viewport": DESKTOP,
    # Nothing moves while it is looked at.
    "reduced_motion": "reduce",
    "color_scheme": "light",
}
# Whoever isn't logged in is told so: the browser writes that down like an error.
NOT_LOGGED_IN = (401, "/v1/session")


def find_chromium() -> str | None:
    """HUIMENG_CHROMIUM names one; else the first that the system has."""
    named = os.environ.get("HUIMENG_CHROMIUM")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    return next((found for found in map(shutil.which, names) if found), None)


def what_is_missing() -> str | None:
    """One line for who runs the tests, or None: all is there."""
    if find_chromium() is None:
        return (
            "浏览器测试跳过:没有 Chromium / browser tests skipped: no Chromium (install one, or HUIMENG_CHROMIUM=path)"
        )
    if not (DIST / "index.html").is_file():
        return "浏览器测试跳过:管理后台没有构建 / browser tests skipped: the console is not built (make console)"
    if not AXE.is_file():
        return "浏览器测试跳过:没有 axe-core / browser tests skipped: no axe-core (make web-check installs it)"
    return None


class Window:
    """A page of one person. What the browser complains about is kept in `troubles`, unless it was said to be meant."""

    def __init__(self, context: BrowserContext, url: str, folder: Path) -> None:
        self.context = context
        self.url = url
        self.folder = folder
        self.troubles: list[str] = []
        self._meant: list[tuple[int, str]] = [NOT_LOGGED_IN]
        self._unreachable = False
        self._shots = 0
        self.page: Page = context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.troubles.append(f"{error.name}: {error.message}"))
        self.page.set_default_timeout(PATIENCE)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type != "error":
            return
        address = said.location.get("url", "").removeprefix(self.url)
        status = re.search(r"responded with a status of (\d+)", said.text)
        if status and any(int(status[1]) == code and re.fullmatch(path, address) for code, path in self._meant):
            return
        if self._unreachable and "net::ERR_" in said.text:
            return
        self.troubles.append(f"{said.text} ({address})")

    def means(self, status: int, path: str) -> None:
        """An answer that the test asks for; the browser reports each failed request as an error. path: a pattern."""
        self._meant.append((status, path))

    @contextmanager
    def without_network(self) -> Iterator[None]:
        self._unreachable = True
        self.context.set_offline(True)
        yield
        self.context.set_offline(False)

    def loses_the_answer(self, path: str) -> None:
        """The next request to that path arrives and is done, but its answer gets lost."""
        self._unreachable = True

        def lose(route: Route) -> None:
            route.fetch()
            route.abort("connectionreset")

        self.page.route(self.url + path, lose, times=1)

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """The page has its head and waits for nothing."""
        self.page.locator("h1").first.wait_for()
        expect(self.page.get_by_role("status").filter(has_text=re.compile("^(正在加载|加载中|Loading)"))).to_have_count(
            0
        )
        expect(self.page.locator('[aria-busy="true"]')).to_have_count(0)

    def shoot(self, name: str) -> None:
        """A picture of this step on a desk and on a phone, where nothing may hang over the side."""
        self._shots += 1
        before = self.page.viewport_size
        for label, size in (("1440", DESKTOP), ("390", PHONE)):
            self.resize(size)
            self.picture(f"{self._shots:02}-{name}-{label}")
            self.check_width()
        if before is not None:
            self.page.set_viewport_size(before)

    def picture(self, name: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.png"
        self.page.screenshot(path=path, full_page=True, animations="disabled")

    def resize(self, size: Any) -> None:
        if self.page.viewport_size != size:
            self.page.set_viewport_size(size)
            # Charts follow the width in the next frame.
            self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def check_width(self) -> None:
        """No horizontal scrolling; says what sticks out."""
        sticking: list[str] = self.page.evaluate(_STICKING_OUT)
        assert sticking == [], f"wider than {self.page.viewport_size}: {sticking}"

    def check_access(self) -> None:
        """axe finds nothing in the page as it stands."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = self.page.evaluate(_ACCESS)
        assert found == [], "\n".join(found)

    def check_quiet(self) -> None:
        """No error in the console, none in a script, nothing that the content security policy refused."""
        assert self.troubles == []


_STICKING_OUT = """() => {
  const root = document.scrollingElement
  if (root.scrollWidth <= root.clientWidth) return []
  const out = [...document.querySelectorAll('body *')].filter((one) => {
    const box = one.getBoundingClientRect()
    return box.width && box.right > root.clientWidth + 1
  })
  return out.slice(0, 5).map((one) => one.outerHTML.slice(0, 160))
}"""

_ACCESS = """async () => {
  const found = await axe.run(document, { resultTypes: ['violations'], preload: false })
  return found.violations.map(({ id, impact, nodes }) =>
    `${impact} ${id}: ` + nodes.slice(0, 4).map((node) => node.html.slice(0, 200) + ' | ' +
      (node.any[0]?.message ?? node.all[0]?.message ?? node.none[0]?.message ?? '')).join('; '))
}"""


def rows(page: Page, caption: str) -> Locator:
    """The rows of a list below its head, by the list's name."""
    return page.get_by_role("table", name=caption).get_by_role("row").filter(has=page.get_by_role("cell"))
