"""Runs commands inside the guest for the tests: one TCP connection, one command.

A request is one JSON line {"argv", "stdin_bytes", "timeout_s"} and the standard input; the answer is one JSON line
{"returncode", "stdout_bytes"} and what the command wrote on both outputs. Started by `guest_init.sh`; the other end is
`tests.guest.machine`. It imports nothing but the standard library.
"""

import json
import socketserver
import subprocess

PORT = 9000
TIMED_OUT = 124  # as timeout(1) says it
NOT_STARTED = 127  # as a shell says it


class CommandHandler(socketserver.StreamRequestHandler):
    """One connection: read a command, run it, say how it ended."""

    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        stdin = self.rfile.read(request["stdin_bytes"])
        returncode, output = run(request["argv"], stdin, request["timeout_s"])
        head = {"returncode": returncode, "stdout_bytes": len(output)}
        self.wfile.write(json.dumps(head).encode() + b"\n" + output)


class CommandServer(socketserver.ThreadingTCPServer):
    """Commands run side by side: a camera is unplugged while its reader runs."""

    allow_reuse_address = True
    daemon_threads = True


def run(argv: list[str], stdin: bytes, timeout_s: float) -> tuple[int, bytes]:
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            cwd="/tmp",
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return TIMED_OUT, late.stdout or b""
    except OSError as error:
        return NOT_STARTED, str(error).encode()
    return done.returncode, done.stdout


if __name__ == "__main__":
    with CommandServer(("", PORT), CommandHandler) as server:
        print("guest agent listens", flush=True)
        server.serve_forever()
