"""A real nginx in front of a service, with the configuration of deploy/nginx; Debian's nginx-light."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NGINX: Final = "/usr/sbin/nginx"
CONFIGURATION: Final = Path(__file__).parents[2] / "deploy" / "nginx" / "edge_streamer.conf"
STARTS_WITHIN_S: Final = 10.0
_MAIN: Final = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/edge_streamer.conf;
}}
"""


@contextmanager
def running_nginx(folder: Path, service: tuple[str, int], *, has_tls: bool) -> Iterator[str]:
    """Run nginx in front of the HTTP `service` until the block ends; yields `https://127.0.0.1:PORT`, or `http`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "edge_streamer.conf").write_text(_configuration(folder, service, port, has_tls=has_tls))
    main = folder / "nginx.conf"
    main.write_text(_MAIN.format(folder=folder))
    command = [NGINX, "-p", str(folder), "-e", "stderr", "-c", str(main)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield f"{'https' if has_tls else 'http'}://127.0.0.1:{port}"
        finally:
            process.terminate()


def _configuration(folder: Path, service: tuple[str, int], port: int, *, has_tls: bool) -> str:
    """Return the file of deploy/, with this test's addresses and certificate in it."""
    text = CONFIGURATION.read_text()
    changed = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port}{' ssl' if has_tls else ''};",
        "/etc/nginx/cam.example": str(folder / "cam"),
        "http://127.0.0.1:8080/;": f"http://{service[0]}:{service[1]}/;",
    }
    for there, here in changed.items():
        assert there in text
        text = text.replace(there, here)
    _make_certificate(folder)
    return text


def _make_certificate(folder: Path) -> None:
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    files = ["-keyout", str(folder / "cam.key"), "-out", str(folder / "cam.crt")]
    subprocess.run([*command, "-subj", "/CN=cam.example", *files], check=True, capture_output=True)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not _listens(port):
        assert process.poll() is None, "nginx has ended"
        assert time.monotonic() < deadline, "nginx does not listen"
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
