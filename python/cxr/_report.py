"""The report of a run: the JSON document `cxr.report/1` as objects."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Damage:
    """A range in which a file is damaged."""

    start: int
    end: int
    """The first byte after the range."""
    member: str | None
    """The file of the tar that the range is in, if that is known."""


@dataclass(frozen=True)
class ImageProblem:
    """A file that is not right, in the place of an image."""

    name: str
    verdict: str
    """`corrupt`, `foreign` or `error`."""
    reason: str


@dataclass(frozen=True)
class Images:
    """The extracted images of an archive: how many there should be, and how many are what."""

    expected: int
    ok: int
    missing: int
    corrupt: int
    foreign: int
    unreadable: int
    rgba: int
    problems: tuple[ImageProblem, ...]
    """The first hundred files that are not right."""

    @classmethod
    def from_document(cls, entry: Mapping[str, Any]) -> Images:
        """Reads the member `images` of an archive."""
        return cls(
            expected=entry["expected"],
            ok=entry["ok"],
            missing=entry["missing"],
            corrupt=entry["corrupt"],
            foreign=entry["foreign"],
            unreadable=entry["unreadable"],
            rgba=entry["rgba"],
            problems=tuple(
                ImageProblem(problem["name"], problem["verdict"], problem["reason"])
                for problem in entry["problems"]
            ),
        )


@dataclass(frozen=True)
class Archive:
    """One archive of a report, with its verdict."""

    name: str
    verdict: str
    """`ok`, `missing`, `incomplete`, `corrupt`, `foreign`, `unreachable` or `error`, and after a
    quick look `present`."""
    path: Path | None
    """The place where the file is, or would be. A name that is not UTF-8 has its bytes, as in `os`."""
    source: str | None
    """The sources that gave bytes, or the mirror that was checked."""
    expected_md5: str | None
    actual_md5: str | None
    expected_sha256: str | None
    actual_sha256: str | None
    expected_size: int | None
    actual_size: int | None
    bytes_downloaded: int
    bytes_reused: int
    attempts: int
    seconds: float
    detail: str | None
    """The reason of the verdict."""
    next: str | None
    """The next step by hand, the command for this archive, or both."""
    damage: tuple[Damage, ...]
    images: Images | None
    """The images, if the run checked extracted images."""

    @property
    def ok(self) -> bool:
        """True if the MD5 matches."""
        return self.verdict == "ok"

    def __str__(self) -> str:
        return f"{self.verdict} {self.name}" + (f": {self.detail}" if self.detail else "")

    @classmethod
    def from_document(cls, entry: Mapping[str, Any]) -> Archive:
        """Reads an entry of a document. Members that this version does not know are ignored."""
        images = entry.get("images")
        return cls(
            name=entry["name"],
            verdict=entry["verdict"],
            path=_path(entry),
            source=entry.get("source"),
            expected_md5=entry.get("expected_md5"),
            actual_md5=entry.get("actual_md5"),
            expected_sha256=entry.get("expected_sha256"),
            actual_sha256=entry.get("actual_sha256"),
            expected_size=entry.get("expected_size"),
            actual_size=entry.get("actual_size"),
            bytes_downloaded=entry.get("bytes_downloaded", 0),
            bytes_reused=entry.get("bytes_reused", 0),
            attempts=entry.get("attempts", 0),
            seconds=entry.get("seconds", 0.0),
            detail=entry.get("detail"),
            next=entry.get("next"),
            damage=tuple(
                Damage(part["start"], part["end"], part.get("member"))
                for part in entry.get("damage") or ()
            ),
            images=None if images is None else Images.from_document(images),
        )


def _path(entry: Mapping[str, Any]) -> Path | None:
    if "path_bytes" in entry:
        return Path(os.fsdecode(bytes.fromhex(entry["path_bytes"])))
    return None if entry.get("path") is None else Path(entry["path"])


@dataclass(frozen=True)
class Report:
    """The result of a run.

    It is used like a dict of archives by name: `report["images_001.tar.gz"].verdict`,
    `"images_001.tar.gz" in report`, `len(report)`, and `for name in report`.
    """

    command: str
    ok: bool
    """True if every archive is `ok`."""
    error: str | None
    """The reason why the run has no result; `archives` is then empty."""
    archives: tuple[Archive, ...]
    """The archives in the order of the table."""
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """The whole document, with members that the objects do not have."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Report:
        """Reads a document `cxr.report/1`."""
        return cls(
            command=document["command"],
            ok=document["ok"],
            error=document.get("error"),
            archives=tuple(Archive.from_document(entry) for entry in document["archives"]),
            document=document,
        )

    def __getitem__(self, name: str) -> Archive:
        """Returns the first archive of this name."""
        for archive in self.archives:
            if archive.name == name:
                return archive
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(archive.name == name for archive in self.archives)

    def __iter__(self) -> Iterator[str]:
        return (archive.name for archive in self.archives)

    def __len__(self) -> int:
        return len(self.archives)

    def __bool__(self) -> bool:
        """True for every report, also for one without archives; see `ok`."""
        return True

    def with_verdict(self, *verdicts: str) -> tuple[Archive, ...]:
        """Returns the archives that have one of these verdicts."""
        return tuple(archive for archive in self.archives if archive.verdict in verdicts)
