"""A machine with a real systemd as its process 1, in a container of this one: booted in a second or two.

    with booted_machine(root, tree, namespace) as machine:
        machine.run("systemctl", "start", "edge_streamer")

Its files are `tree` over `root` under a memory that is gone afterwards: neither is ever written to. Its network is a
namespace of the laboratory, so it has every port for itself and is reached through a cable. systemd-nspawn starts it
(Debian's systemd-container; root), in a mount namespace of its own with the cgroup hierarchy that systemd wants.
"""

import itertools
import json
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.netns.namespaces import Namespace
from tests.support.processes import child_pids

BOOT_DEADLINE_S: Final = 30.0
COMMAND_TIMEOUT_S: Final = 30.0
POWER_OFF_DEADLINE_S: Final = 15.0
_POLL_S: Final = 0.05
_NUMBERS: Final = itertools.count()
_WITH_OWN_MOUNTS: Final = ("unshare", "--mount", "sh", "-ec")
_PATH: Final = "PATH=/usr/sbin:/usr/bin"
_BOOT: Final = """\
mount -t tmpfs tmpfs {memory}
mkdir {memory}/upper {memory}/work {memory}/root
mount -t overlay overlay -o lowerdir={tree}:{root},upperdir={memory}/upper,workdir={memory}/work {memory}/root
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
{cgroups}
mkdir -p /sys/fs/cgroup/{name}
echo $$ >/sys/fs/cgroup/{name}/cgroup.procs
exec systemd-nspawn --quiet --boot --kill-signal=SIGRTMIN+4 --register=no --keep-unit --console=read-only \
  --link-journal=no --timezone=off --resolv-conf=off --machine={name} --network-namespace-path={network} \
  --directory={memory}/root
"""
_CGROUPS: Final = "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup"
_CLEAN_UP: Final = """\
{cgroups}
cd /sys/fs/cgroup
[ ! -d {name} ] || find {name} -depth -type d -exec rmdir {{}} +
"""


class Machine:
    """See the module; made by `booted_machine`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self._leader = 0

    def run(self, *command: str, is_checked: bool = True) -> str:
        """Return what a command inside prints; AssertionError with its complaint when it fails."""
        done = self._inside(*command)
        assert not is_checked or done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def fails(self, *command: str) -> str:
        """Return what a command inside says when it fails; AssertionError when it does not."""
        done = self._inside(*command)
        assert done.returncode != 0, f"{command} did not fail: {done.stdout}"
        return done.stderr

    def write(self, path: str, text: str) -> None:
        """Write a file inside, and the folders that it is in."""
        quoted = shlex.quote(text)
        self.run("sh", "-c", f"mkdir -p {os.path.dirname(path)} && printf %s {quoted} > {path}")

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit, as systemd has it."""
        return self.run("systemctl", "show", "--value", "--property", name, unit).strip()

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """Return the journal's entries that match, oldest first, with all their fields."""
        lines = self.run("journalctl", "--output=json", "--all", "--no-pager", *matches).splitlines()
        return [json.loads(line) for line in lines]

    def wait_until(self, what: str, condition: Callable[[], object], within_s: float) -> None:
        """Return when `condition` holds; AssertionError with the journal's end when it does not in time."""
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                journal = self.run("journalctl", "--no-pager", "--lines=40", is_checked=False)
                raise AssertionError(f"not within {within_s} s: {what}\n{journal}")
            time.sleep(_POLL_S)

    def boot(self) -> None:
        """Return when all that starts at boot has started; AssertionError with the console when it does not."""
        deadline = time.monotonic() + BOOT_DEADLINE_S
        while not self._is_up():
            console = self._log.read_text(errors="replace")
            assert self._process.poll() is None, f"the machine ended while it booted:\n{console}"
            assert time.monotonic() < deadline, f"no boot within {BOOT_DEADLINE_S} s:\n{console}"
            time.sleep(_POLL_S)

    def power_off(self) -> None:
        """Shut it down, by force if it must be."""
        self._process.terminate()  # systemd-nspawn hands it on as an order to power off
        try:
            self._process.wait(POWER_OFF_DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.kill(self._leader or self._process.pid, signal.SIGKILL)  # all inside dies with process 1
            self._process.wait()

    def _is_up(self) -> bool:
        children = child_pids(self._process.pid)
        self._leader = children[0] if children else 0
        # "degraded": a container cannot do everything that a unit of Debian wants at boot.
        return bool(children) and self._inside("systemctl", "is-system-running").stdout.strip() in (
            "running",
            "degraded",
        )

    def _inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        namespaces = ("--mount", "--uts", "--ipc", "--pid", "--net", "--cgroup")
        enter = ("nsenter", "--target", str(self._leader), *namespaces, "env", "-i", _PATH, "LC_ALL=C.UTF-8")
        return subprocess.run(
            [*enter, *command], capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False
        )


@contextmanager
def booted_machine(root: Path, tree: Path, namespace: Namespace) -> Iterator[Machine]:
    """Boot a machine of `tree` over `root` on that network; it is off after the block."""
    with tempfile.TemporaryDirectory(prefix="edge_streamer-machine-") as folder:
        memory, log = Path(folder) / "memory", Path(folder) / "console"
        memory.mkdir()
        name, network = f"es{os.getpid()}-{next(_NUMBERS)}", f"/run/netns/{namespace.name}"
        script = _BOOT.format(root=root, tree=tree, memory=memory, name=name, network=network, cgroups=_CGROUPS)
        with log.open("wb") as sink:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig=TERM", *_WITH_OWN_MOUNTS, script],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        machine = Machine(process, log)
        try:
            machine.boot()
            yield machine
        finally:
            machine.power_off()
            subprocess.run([*_WITH_OWN_MOUNTS, _CLEAN_UP.format(name=name, cgroups=_CGROUPS)], check=True)
