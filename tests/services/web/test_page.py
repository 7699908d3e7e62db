import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

import edge_streamer.services.web.page
from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.web.page import PageRoutes

FOLDER = Path(edge_streamer.services.web.page.__file__).parent
MAX_PAGE_BYTES = 60_000
FILES = [path for path in FOLDER.iterdir() if path.suffix in (".html", ".css", ".js")]
ASSETS = sorted(path.name for path in FILES if path.name != "index.html")


def stream_urls(host: str) -> list[str]:
    return [f"rtsp://{host or 'fallback'}:8554/{name}" for name in ("main", "sub")]


def get(path: str, urls=stream_urls, **headers: str) -> HttpResponse:
    resource = PageRoutes(urls).find(path)
    assert resource is not None
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = resource["GET"](HttpRequest("GET", path, headers=named))
    assert isinstance(response, HttpResponse)
    return response


def urls_in(page: str) -> list[str]:
    found = re.search(r'data-urls="([^"]*)"', page)
    assert found is not None
    return json.loads(unescape(found[1]))


class Loaded(HTMLParser):
    """What a page loads, and whether anything in it is a script or style of its own."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.urls: set[str] = set()
        self.inline: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag in ("script", "link"):
            self.urls.add(named.get("src") or named.get("href") or "inline")
        self.inline += [name for name in named if name.startswith("on") or name == "style"]


def test_all_of_it_is_small():
    assert sum(path.stat().st_size for path in FILES) < MAX_PAGE_BYTES


def test_the_page_loads_only_files_that_are_there_and_has_no_script_or_style_in_it():
    loaded = Loaded(get("/").body.decode())
    assert {url for url in loaded.urls if not url.startswith("data:image/svg+xml,")} == set(ASSETS)
    assert loaded.inline == []


def test_every_module_that_another_imports_is_there():
    imported = {name for path in FOLDER.glob("*.js") for name in re.findall(r'from "\./([^"]+)"', path.read_text())}
    assert imported
    assert imported <= set(ASSETS)


@pytest.mark.parametrize("path", ["/index.html", "/page", "/page.css/", "/../page.py", "/web/page.js", "", "*"])
def test_there_is_nothing_else(path):
    assert PageRoutes(stream_urls).find(path) is None


def test_the_page_is_not_kept_and_its_policy_lets_only_its_own_files_through():
    response = get("/")
    headers = dict(response.headers)
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "media-src": "blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize("name", ASSETS)
def test_a_file_is_sent_once_and_then_only_asked_for(name):
    first = get(f"/{name}")
    headers = dict(first.headers)
    assert (first.status, first.body) == (200, (FOLDER / name).read_bytes())
    assert (
        headers["content-type"] == {"css": "text/css", "js": "text/javascript"}[name.split(".")[1]] + "; charset=utf-8"
    )
    assert headers["cache-control"] == "no-cache"
    assert headers["x-content-type-options"] == "nosniff"
    again = get(f"/{name}", if_none_match=headers["etag"])
    assert (again.status, again.body, dict(again.headers)["etag"]) == (304, b"", headers["etag"])


@pytest.mark.parametrize(("tags", "status"), [("W/{}", 304), ('"other", {}', 304), ('"other"', 200), ("", 200)])
def test_a_cache_may_name_several_tags(tags, status):
    tag = dict(get("/page.css").headers)["etag"]
    assert get("/page.css", if_none_match=tags.format(tag)).status == status


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("cam.local", "cam.local"),
        ("cam.local:8080", "cam.local"),
        ("192.0.2.1:8080", "192.0.2.1"),
        ("[2001:db8::1]:8080", "[2001:db8::1]"),
        ("[::1]", "[::1]"),
        ("", "fallback"),
        ("a/b", "fallback"),
        ("user@cam", "fallback"),
        ('"><script>alert(1)</script>', "fallback"),
        ("a" * 300, "fallback"),
    ],
)
def test_the_addresses_have_the_name_that_the_client_used_if_it_is_one(host, name):
    page = get("/", host=host).body.decode()
    assert urls_in(page) == [f"rtsp://{name}:8554/main", f"rtsp://{name}:8554/sub"]
    assert f"<li><code>rtsp://{name}:8554/main</code></li>" in page


def test_without_a_host_header():
    assert urls_in(get("/").body.decode())[0] == "rtsp://fallback:8554/main"


def test_an_address_that_two_listeners_share_is_there_once():
    assert urls_in(get("/", urls=lambda host: ["rtsp://cam/main", "rtsp://cam/main"]).body.decode()) == [
        "rtsp://cam/main"
    ]


def test_what_is_put_in_is_escaped():
    hostile = """rtsp://cam/"'><script>$urls&amp;"""
    page = get("/", urls=lambda host: [hostile]).body.decode()
    assert urls_in(page) == [hostile]
    assert page.count("<script") == get("/").body.decode().count("<script")


def test_without_streams():
    assert urls_in(get("/", urls=lambda host: []).body.decode()) == []
