"""A small table, and a server of its archives. The tests use the installed wheel."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import random
import re
import tarfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Data:
    """A table of archives, a mirror with them, and the folder to fetch into."""

    archives: dict[str, bytes]
    table: Path
    mirror: Path
    folder: Path


@pytest.fixture(autouse=True)
def no_variables(monkeypatch, tmp_path):
    """The options of the user are not those of the tests."""
    for name in [name for name in os.environ if name.startswith("CXR_")]:
        monkeypatch.delenv(name)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CXR_BACKOFF_MS", "10")
    monkeypatch.chdir(tmp_path)


def tar_of(number, content):
    """A compressed archive with one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo(f"images/{number:08}_000.txt")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def data(tmp_path):
    noise = random.Random(1)
    archives = {
        f"images_{number:03}.tar.gz": tar_of(number, noise.randbytes(300_000).hex().encode())
        for number in (1, 2, 3)
    }
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for name, content in archives.items():
        (mirror / name).write_bytes(content)
    table = tmp_path / "table.tsv"
    rows = (f"{name}\t{len(b)}\t{hashlib.md5(b).hexdigest()}\n" for name, b in archives.items())
    table.write_text("name\tsize\tmd5\n" + "".join(rows))
    return Data(archives, table, mirror, tmp_path / "nih")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        content = server.archives.get(self.path.lstrip("/"))
        if content is None:
            self.send_error(404)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "bytes=0-"))
        start, end = int(wanted[1]), int(wanted[2] or len(content) - 1)
        end = min(end, len(content) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
        self.send_header("Content-Length", str(end + 1 - start))
        self.send_header("ETag", '"1"')
        self.end_headers()
        for at in range(start, end + 1, 4096):
            block = content[at : min(at + 4096, end + 1)]
            try:
                self.wfile.write(block)
            except OSError:
                return
            server.sent += len(block)
            time.sleep(server.pause)


@pytest.fixture
def server(data):
    """A server that can be slow: `pause` is the time after each 4 KiB."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.archives, server.sent, server.pause = data.archives, 0, 0.0
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
