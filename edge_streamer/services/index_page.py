"""The page at `/`: what streams there are and where else to look, in one file that asks nobody else for anything.

Called by `services.http`. Plain HTML without script; everything that is put in is escaped.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }
body { max-width: 42rem; margin: 12vh auto; padding: 0 1.5rem }
h1 { font-size: 1.5rem; font-weight: 600; letter-spacing: -.01em }
ul { list-style: none; padding: 0 }
li { margin: .5rem 0; padding: .75rem 1rem; border: 1px solid #8884; border-radius: .5rem; overflow-wrap: anywhere }
a { color: inherit; text-underline-offset: .2em }
code { font: .95em ui-monospace, monospace }
nav { display: flex; gap: 1.5rem; margin-top: 2rem; opacity: .8 }
"""

CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Lets the page's own style through and nothing else, so that a mistake in escaping could still run no script."""


def index_page(stream_urls: Sequence[str]) -> str:
    """Return the page for these `rtsp://` addresses."""
    streams = "".join(f"<li><code>{escape(url)}</code></li>" for url in stream_urls) or "<li>No stream yet.</li>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>edge_streamer</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>edge_streamer</h1><ul>{streams}</ul>"
        '<nav><a href="/healthz">Health</a><a href="/metrics">Metrics</a><a href="/api/v1/status">Status</a></nav>'
        "</body></html>\n"
    )
