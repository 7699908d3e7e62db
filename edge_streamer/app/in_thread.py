"""What may block is done in a thread, and the result is handed to the loop. For `reload_reader` and `device_reader`."""

import threading
from collections.abc import Callable
from typing import TypeVar

from edge_streamer.runtime.loop import Loop

Result = TypeVar("Result")


def call_in_thread(loop: Loop, name: str, call: Callable[[], Result], then: Callable[[Result], None]) -> None:
    """Call `call`, which raises nothing, in a thread of that name, and `then` with its result in a turn of the loop."""

    def run() -> None:
        result = call()
        try:
            loop.post(lambda: then(result))
        except OSError:
            pass  # the service has ended meanwhile, and the loop is closed

    threading.Thread(target=run, name=name, daemon=True).start()
