"""Archives, and `cxr` with a clean environment."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = os.environ["CXR_PROGRAM"]
SIZE = 400_000


@dataclass
class Archive:
    name: str
    content: bytes

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content).hexdigest()

    @property
    def md5_base64(self) -> str:
        return base64.b64encode(hashlib.md5(self.content).digest()).decode()


class Folder:
    """A folder with a table of archives, in which `cxr` runs."""

    def __init__(self, path: Path, archives: list[Archive]) -> None:
        self.path, self.archives = path, archives
        rows = [f"{archive.name}\t{len(archive.content)}\t{archive.md5}" for archive in archives]
        (path / "table.tsv").write_text("\n".join(["name\tsize\tmd5", *rows, ""]))
        (path / "home").mkdir()

    def cxr(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `cxr` with these variables and nothing of the user's."""
        clean = {"PATH": os.environ["PATH"], "HOME": str(self.path / "home"), "AWS_EC2_METADATA_DISABLED": "true"}
        return subprocess.run(
            [PROGRAM, *arguments, "--checksums", "table.tsv"],
            cwd=self.path,
            env=clean | variables,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def report(self, *arguments: str, status: int = 0, **variables: str) -> list[dict]:
        """Returns the archives of the report."""
        done = self.cxr(*arguments, "--format", "json", **variables)
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)["archives"]

    def fetch(self, source: str, *more: str, status: int = 0, **variables: str) -> list[dict]:
        options = ["--dir", "data", "--from", source, "--retries", "2", "--connect-timeout", "5"]
        return self.report("fetch", *options, *more, status=status, **variables)

    def verify(self, source: str, *more: str, status: int = 0, **variables: str) -> list[dict]:
        return self.report("verify", "--from", source, "--retries", "2", *more, status=status, **variables)

    def assert_fetched(self) -> None:
        for archive in self.archives:
            assert (self.path / "data" / archive.name).read_bytes() == archive.content

    def texts(self) -> str:
        """Returns the content of all files except the archives, as far as it is text."""
        files = (path for path in self.path.rglob("*") if path.is_file())
        return "".join(path.read_bytes().decode(errors="replace") for path in files)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    noise = random.Random(1)
    names = ["images_001.tar.gz", "images_002.tar.gz", "a b+c.tar.gz"]
    contents = [gzip.compress(noise.randbytes(SIZE), mtime=0) for _ in names]
    return Folder(tmp_path, [Archive(*pair) for pair in zip(names, contents)])


def verdicts(report: list[dict]) -> list[str]:
    return [archive["verdict"] for archive in report]
