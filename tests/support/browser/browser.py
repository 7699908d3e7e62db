"""Chromium as a test's eyes and hands: opens the page, waits for what it shall show, and tells what it asked and said.

    with Browser(width=390, height=844) as browser:
        browser.open(service.page_url)
        browser.wait_for("return document.querySelectorAll('tbody tr').length === 1")

Debian's chromium and chromium-driver over selenium, headless. Used by tests/page and by the script that makes the
README's pictures.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from selenium import webdriver

CHROMIUM: Final = "/usr/bin/chromium"
CHROMEDRIVER: Final = "/usr/bin/chromedriver"
WAIT_S: Final = 20.0
_POLL_S: Final = 0.1
_ARGUMENTS: Final = ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-dev-shm-usage", "--no-first-run")
"""As root Chromium starts without its sandbox only; it opens nothing but our own page."""
_LOGS: Final = {"browser": "ALL", "performance": "ALL"}


class Browser:
    """One browser with one window."""

    def __init__(
        self,
        *,
        width: int = 1280,
        height: int = 900,
        scale: float = 1.0,
        is_phone: bool = False,
        scheme: Literal["light", "dark"] = "light",
        prefers_stillness: bool = False,
        first_script: str = "",
    ) -> None:
        """`first_script` runs in each page before its own: it takes away what another browser would not have."""
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in (*_ARGUMENTS, f"--window-size={width},{height}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", dict(_LOGS))
        self._driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
        self._size = {"width": width, "deviceScaleFactor": scale, "mobile": is_phone}
        self._resize(height)
        motion = "reduce" if prefers_stillness else "no-preference"
        self._prefer({"prefers-color-scheme": scheme, "prefers-reduced-motion": motion})
        if first_script:
            self.command("Page.addScriptToEvaluateOnNewDocument", source=first_script)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._driver.quit()

    def open(self, url: str) -> None:
        """Load the page."""
        self._driver.get(url)

    def command(self, name: str, **parameters: Any) -> Any:
        """Send a command of the Chrome DevTools Protocol."""
        return self._driver.execute_cdp_cmd(name, parameters)

    def evaluate(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page and return what it returns."""
        return self._driver.execute_script(script, *arguments)

    def evaluate_later(self, script: str, *arguments: Any, within_s: float = 60.0) -> Any:
        """Run the body of a function, whose last argument is called with the result; return that."""
        self._driver.set_script_timeout(within_s)
        return self._driver.execute_async_script(script, *arguments)

    def wait_for(self, script: str, *arguments: Any, within_s: float = WAIT_S) -> Any:
        """Return the first true value of `script`; AssertionError, with the page's text, when there is none."""
        deadline = time.monotonic() + within_s
        while not (value := self.evaluate(script, *arguments)):
            assert time.monotonic() < deadline, f"not after {within_s} s: {script}\n{self.text('body')}"
            time.sleep(_POLL_S)
        return value

    def text(self, selector: str) -> str:
        """Return what is readable in the first element of that selector."""
        return str(self.evaluate("return document.querySelector(arguments[0]).innerText", selector))

    def press(self, selector: str) -> None:
        """Click on the first element of that selector, as a mouse would."""
        self._driver.find_element("css selector", selector).click()

    @contextmanager
    def another_tab(self) -> Iterator[None]:
        """Have another tab in front, so that nobody sees the page, until the block ends."""
        tab = self.command("Target.createTarget", url="about:blank")
        self.command("Target.activateTarget", targetId=tab["targetId"])
        yield
        self.command("Target.closeTarget", targetId=tab["targetId"])

    def complaints(self) -> list[str]:
        """Return what the browser's console has got since the last call: errors, and what a policy has refused."""
        return [f"{entry['level']} {entry['message']}" for entry in self._driver.get_log("browser")]

    def requested_origins(self) -> set[str]:
        """Return scheme, host and port of everything asked for since the last call; WebSockets among it."""
        events = (json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance"))
        urls = (_requested_url(event) for event in events)
        return {f"{part.scheme}://{part.netloc}" for url in urls if url for part in [urlsplit(url)]}

    def is_overflowing(self) -> bool:
        """Whether the page can be scrolled sideways."""
        return bool(self.evaluate("return document.documentElement.scrollWidth > innerWidth"))

    def screenshot(self, path: Path, height: int | None = None) -> None:
        """Write a PNG of that many lines from the top, of the whole page without one."""
        self._resize(height or self.evaluate("return document.documentElement.scrollHeight"))
        time.sleep(3 * _POLL_S)
        path.parent.mkdir(parents=True, exist_ok=True)
        assert self._driver.save_screenshot(str(path))

    def _resize(self, height: int) -> None:
        self.command("Emulation.setDeviceMetricsOverride", height=height, **self._size)

    def _prefer(self, features: Mapping[str, str]) -> None:
        listed = [{"name": name, "value": value} for name, value in features.items()]
        self.command("Emulation.setEmulatedMedia", features=listed)


def _requested_url(event: Mapping[str, Any]) -> str:
    """Return the URL that a DevTools event says was asked for; data: and blob: are in the page already."""
    match event:
        case {"method": "Network.requestWillBeSent", "params": {"request": {"url": str(url)}}}:
            return "" if url.startswith(("data:", "blob:")) else url
        case {"method": "Network.webSocketCreated", "params": {"url": str(url)}}:
            return url
        case _:
            return ""
