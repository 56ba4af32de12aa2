#!/usr/bin/env python3
"""Fetches through bad connections, between two network name spaces.

    tests/network/bad_line.py [--cxr target/debug/cxr] [CONDITION]...

The conditions are `loss` (a round trip of 200 ms, and 2 % of the packets lost each way), `cut`
(the client's link goes down for 20 s) and `move` (the client gets another address). After each,
every file must be complete, byte for byte; the bytes that the server sent beyond the data are
printed. It takes at most two minutes. Nothing leaves the name spaces, which end with this process.
Where they are not allowed, it says so and skips.
"""

import argparse
import contextlib
import gzip
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import line

SERVER, CLIENT, MOVED, PORT = "10.66.0.1", "10.66.0.2", "10.66.0.3", 8000
DEVICE = "cxrline"
FILES, SIZE = 3, 6 << 20
MIB = 1 << 20
DEADLINE = 150  # Seconds for everything.
CUT = 20  # Seconds without a link.
MOST_WASTE = 20  # At most one byte in this many may be sent in vain.
INSIDE = "CXR_BAD_LINE_INSIDE"


class Failed(Exception):
    """The fetch failed under a condition."""


def why_not(command):
    """Returns the last line of a failed command's standard error, or None if it succeeds."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return (run.stderr.strip().splitlines() or ["no reason"])[-1] if run.returncode else None


def enter_name_spaces():
    """Makes this process root of a user name space with its own network; ends if that is not
    allowed."""
    if os.environ.get(INSIDE):
        return
    needed = ["unshare", "--user", "--map-root-user", "--net"]
    folder = str(Path(__file__).parent)
    probe = f"import sys; sys.path.insert(0, {folder!r}); import line; line.open_tun('probe')"
    why = why_not([*needed, sys.executable, "-c", probe]) or why_not(["ip", "-Version"])
    if why:
        print(f"skipped: this machine allows no network name space: {why}")
        sys.exit(0)
    os.environ[INSIDE] = "1"
    os.execvp(needed[0], [*needed, sys.executable, *sys.argv])


# Ends a child with this process.
DIES_TOO = ["setpriv", "--pdeathsig", "KILL"]


class Stage:
    """The two ends, the connection between them, and the files."""

    def __init__(self, folder, cxr, seed):
        self.folder, self.cxr = folder, cxr
        self.files = self.make_files(seed)
        ours, theirs = socket.socketpair()
        program = [sys.executable, str(Path(__file__).with_name("server.py")), str(theirs.fileno())]
        self.server = subprocess.Popen(
            [*DIES_TOO, "unshare", "--net", *program, DEVICE, SERVER, str(PORT)],
            pass_fds=[theirs.fileno()],
            cwd=folder / "server",
        )
        theirs.close()
        ours.settimeout(10)
        _, descriptors, _, _ = socket.recv_fds(ours, 100, 1)
        if not descriptors:
            raise Failed("the server did not start")
        self.control, self.answers = ours, ours.makefile()
        self.relay = line.Relay(line.open_tun(DEVICE), descriptors[0], seed)
        line.set_up(DEVICE, CLIENT)
        self.relay.start()

    def make_files(self, seed):
        (self.folder / "server").mkdir()
        noise = random.Random(seed)
        files = {}
        for number in range(1, FILES + 1):
            name, data = f"file_{number}.gz", gzip.compress(noise.randbytes(SIZE), 0)
            (self.folder / "server" / name).write_bytes(data)
            files[name] = data
        table = "".join(f"{hashlib.md5(data).hexdigest()}  {name}\n" for name, data in files.items())
        (self.folder / "table.md5").write_text(table)
        return files

    def ask(self, command):
        self.control.sendall(f"{command}\n".encode())
        return self.answers.readline().strip()

    def lose(self, delay, loss):
        """Delays and drops packets each way, with netem if the kernel has it. Returns the means."""
        if line.netem(DEVICE, delay, loss) and self.ask(f"netem {delay} {loss}") == "True":
            self.relay.shape()
            return "netem"
        self.relay.shape(delay, loss)
        return "a relay"

    def start(self, dir, *options):
        command = [*DIES_TOO, self.cxr, "fetch", "--format", "json", "--dir", dir, "--checksums", "table.md5"]
        command += ["--from", f"http://{SERVER}:{PORT}", *options]
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder)}
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def close(self):
        self.relay.is_over = True
        self.control.close()
        self.server.terminate()
        self.server.wait()


def loss(stage):
    means = stage.lose(delay=0.1, loss=0.02)
    with fetching(stage, "loss") as fetch:
        yield f"200 ms and 2 % loss by {means}"
        fetch.wait()


def cut(stage):
    stage.relay.shape(delay=0.01, rate=2 * MIB)
    with fetching(stage, "cut") as fetch:
        yield f"a link cut for {CUT} s"
        wait_for_some(stage, fetch)
        line.ip("link", "set", DEVICE, "down")
        time.sleep(CUT)
        must_run(fetch, "when the link came back")
        line.ip("link", "set", DEVICE, "up")
        fetch.wait()


def move(stage):
    stage.relay.shape(delay=0.01, rate=2 * MIB)
    with fetching(stage, "move", "--stall-timeout", "5") as fetch:
        yield "a changed address"
        wait_for_some(stage, fetch)
        line.ip("address", "delete", f"{CLIENT}/24", "dev", DEVICE)
        line.ip("address", "add", f"{MOVED}/24", "dev", DEVICE)
        must_run(fetch, "when the address changed")
        fetch.wait()


CONDITIONS = {"loss": loss, "cut": cut, "move": move}


class Fetch:
    """A running fetch, and its costs."""

    def __init__(self, stage, dir, options):
        self.stage, self.dir, self.begun = stage, dir, time.monotonic()
        self.sent = int(stage.ask("count"))
        self.carried = stage.relay.carried[1]
        self.process = stage.start(dir, *options)

    def wait(self):
        out, err = self.process.communicate()
        if self.process.returncode != 0:
            raise Failed(f"exit status {self.process.returncode}\n{out.decode()}\n{err.decode()}")
        for name, data in self.stage.files.items():
            if (self.stage.folder / self.dir / name).read_bytes() != data:
                raise Failed(f"{name} is not what the server has")
        self.report = json.loads(out)

    def costs(self):
        data = sum(map(len, self.stage.files.values()))
        counted = self.report["summary"]["bytes_downloaded"] - data
        # The last bytes may still be in transit to a closed connection.
        time.sleep(1)
        waste = int(self.stage.ask("count")) - self.sent - data
        wire = self.stage.relay.carried[1] - self.carried
        return data, waste, counted, wire, time.monotonic() - self.begun - 1


current = None


@contextlib.contextmanager
def fetching(stage, dir, *options):
    global current
    current = Fetch(stage, dir, options)
    try:
        yield current
    finally:
        current.process.kill()
        current.process.wait()


def wait_for_some(stage, fetch):
    """Waits until a third of the data has arrived."""
    third = sum(map(len, stage.files.values())) // 3
    while stage.relay.carried[1] - fetch.carried < third:
        must_run(fetch, "before a third had arrived")
        time.sleep(0.02)


def must_run(fetch, when):
    if fetch.process.poll() is not None:
        raise Failed(f"it had ended {when}: {fetch.process.communicate()}")


def survive(name, stage):
    steps = CONDITIONS[name](stage)
    what = next(steps)
    for _ in steps:
        pass
    data, waste, counted, wire, seconds = current.costs()
    print(
        f"{name}: {what}: {data / MIB:.1f} MiB right after {seconds:.0f} s; "
        f"the server sent {waste:,} bytes ({100 * waste / data:.1f} %) beyond the data, "
        f"of which the program counts {counted:,}; "
        f"on the wire {100 * (wire - data) / data:.1f} % beyond it, headers and lost packets too",
        flush=True,
    )
    if waste > data // MOST_WASTE:
        raise Failed(f"{waste} bytes were sent in vain")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cxr", default=Path(__file__).parents[2] / "target/debug/cxr", type=Path)
    parser.add_argument("--seed", default=7, type=int)
    parser.add_argument("conditions", nargs="*", metavar="CONDITION", default=list(CONDITIONS))
    arguments = parser.parse_args()
    if unknown := set(arguments.conditions) - set(CONDITIONS):
        parser.error(f"no condition: {', '.join(sorted(unknown))}")
    enter_name_spaces()

    def end(number, _):
        raise SystemExit(128 + number)

    def too_long(*_):
        raise Failed(f"it took longer than {DEADLINE} s")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(DEADLINE)
    with tempfile.TemporaryDirectory(prefix="cxr-bad-line-") as folder:
        stage = Stage(Path(folder), arguments.cxr.resolve(), arguments.seed)
        try:
            for name in arguments.conditions:
                survive(name, stage)
        finally:
            stage.close()


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"failed: {failed}")
