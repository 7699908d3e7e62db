"""A reader process of the laboratory: clients in one network namespace, told what to do by JSON lines on stdin.

    python -m tests.support.netns.reader

Each line is answered with one line. It ends with its standard input, so none outlives its test. `ReaderProcess` in
`netns_readers` is the other end.

    {"do": "open", "client": "a", "kind": "player", "options": {"url": "rtsp://...", "transport": "udp"}}
    {"do": "pause" | "sip" | "stop_reading" | "leave" | "reset" | "close", "client": "a"}
    {"do": "report", "client": "a"}     -> its `Measured`
    {"do": "forget", "client": "a"}     -> its `Measured`, for the last time; the client is closed
    {"do": "cleared", "client": "a"}    -> its `Measured`; frames and gaps start anew
"""

import gc
import json
import os
import selectors
import sys
import time
from dataclasses import asdict
from typing import Any, Final

from tests.support.netns.client import Connection
from tests.support.netns.strangers import CLIENTS

TICK_S: Final = 0.05
ACTIONS: Final = ("pause", "sip", "stop_reading", "leave", "reset", "close")


class ReaderProgram:
    """The process's clients by name, and its end of the pipe."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._clients: dict[str, Connection] = {}
        self._commands = b""
        self._is_over = False
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, self._on_commands)

    def run(self) -> None:
        """Serve until standard input ends."""
        next_tick = time.monotonic()
        while not self._is_over:
            for key, _events in self._selector.select(max(0.0, next_tick - time.monotonic())):
                if self._selector.get_map().get(key.fd) is key:  # an earlier callback may have ended it
                    key.data()
            now = time.monotonic()
            if now >= next_tick:
                next_tick = now + TICK_S
                for client in tuple(self._clients.values()):
                    client.tick(now)

    def _on_commands(self) -> None:
        data = os.read(sys.stdin.fileno(), 1 << 16)
        self._is_over = not data
        *lines, self._commands = (self._commands + data).split(b"\n")
        for line in lines:
            print(json.dumps(self._obey(json.loads(line))), flush=True)

    def _obey(self, command: dict[str, Any]) -> Any:
        action, name = command["do"], command["client"]
        if action == "open":
            self._clients[name] = CLIENTS[command["kind"]](self._selector, **command["options"])
        elif action in ACTIONS:
            getattr(self._clients[name], action)()
        else:
            return self._report(action, name)
        return None

    def _report(self, action: str, name: str) -> dict[str, Any]:
        client = self._clients[name]
        if action == "forget":
            client.close()
            del self._clients[name]
        report = asdict(client.measured)
        if action == "cleared":
            client.measured.frames.clear()
            client.measured.gaps.clear()
        return report


if __name__ == "__main__":
    gc.freeze()
    ReaderProgram().run()
