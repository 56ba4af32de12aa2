"""NIH's labels and split as files."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Optional, Union

from ._commands import Path, Selector, _check_switches, _images, _options
from ._errors import CxrError, RunError, ended_by_signal, usage_error
from ._program import find_program, not_started


@dataclass(frozen=True)
class LabelsFile:
    """A file of the labels."""

    name: str
    path: FilePath
    bytes: int
    md5: str
    state: str
    """`written`, `unchanged`, `refused`, `not-written` or `error`."""
    detail: str | None
    next: str | None
    """The next step, if the file was refused."""


@dataclass(frozen=True)
class LabelsReport:
    """The files that were written, and those that were not.

    It is used like a dict of files by name, as a `Report` is one of archives.
    """

    ok: bool
    """True if every file is there."""
    images: int
    """The rows of `metadata.csv`."""
    patients: int
    parts: Mapping[str, int]
    """The images of each part, such as `train_val` and `test`."""
    files: tuple[LabelsFile, ...]
    notes: tuple[str, ...]
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """The whole document `cxr.labels/1`."""

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], folder: Optional[FilePath] = None
    ) -> LabelsReport:
        """Reads a document `cxr.labels/1`. Members that this version does not know are ignored.

        :param folder: the folder of the files, if its name may have bytes that JSON cannot have.
        """
        return cls(
            ok=document["ok"],
            images=document["images"],
            patients=document["patients"],
            parts={part["part"]: part["images"] for part in document["parts"]},
            files=tuple(
                LabelsFile(
                    name=entry["name"],
                    path=FilePath(folder, entry["name"]) if folder else FilePath(entry["path"]),
                    bytes=entry["bytes"],
                    md5=entry["md5"],
                    state=entry["state"],
                    detail=entry["detail"],
                    next=entry["next"],
                )
                for entry in document["files"]
            ),
            notes=tuple(document["notes"]),
            document=document,
        )

    def __getitem__(self, name: str) -> LabelsFile:
        """Returns the file of this name."""
        for file in self.files:
            if file.name == name:
                return file
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(file.name == name for file in self.files)

    def __iter__(self) -> Iterator[str]:
        return (file.name for file in self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __bool__(self) -> bool:
        """True for every report, also for one without files; see `ok`."""
        return True


class LabelsError(CxrError):
    """A file of the labels is not there: another file has its name, or the system did not write it."""

    labels: LabelsReport
    """The report of the run."""

    def __init__(self, labels: LabelsReport, status: int) -> None:
        wrong = [file for file in labels.files if file.state in ("refused", "error")]
        words = (f"{file.state} {file.path}: {file.detail}" for file in wrong)
        super().__init__("; ".join(words), status=status)
        self.labels = labels

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.labels, self.status)


def labels(
    dir: Path,
    *,
    val: Optional[float] = None,
    seed: Optional[int] = None,
    lists: Optional[str] = None,
    layout: Optional[str] = None,
    split: Optional[str] = None,
    label: Union[None, str, Iterable[str]] = None,
    view: Optional[str] = None,
    patient: Union[None, Selector, Iterable[Selector]] = None,
    names: Optional[Path] = None,
    check: bool = True,
) -> LabelsReport:
    """Writes NIH's labels, split and boxes into a folder, and `metadata.csv`, which joins them.

    It needs no network. It replaces `metadata.csv` and lists that cxr wrote before, and no other file.
    `cxr help labels` describes the options.

    :param dir: the folder; it is created if it does not exist.
    :param val: the proportion of `train_val` for validation, such as `0.125`, by whole patients.
    :param seed: the number that chooses these patients.
    :param lists: `chexnet` for lists of names with labels.
    :param layout: the folders of the images, as in `extract`.
    :param split: as in `extract`; so are `label`, `view`, `patient` and `names`. They select the rows of
        `metadata.csv`.
    :param check: raise a `LabelsError` if a file is not there. Without it, look at the report.
    """
    _check_switches(check=check)
    options = {
        "dir": dir,
        "val": val,
        "seed": seed,
        "lists": lists,
        **_images(None, layout, split, label, view, patient, names),
    }
    command = [find_program(), "labels", "--format=json", *_options(options)]
    try:
        run = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise not_started(command[0], error) from error
    status, errors = run.returncode, run.stderr.strip().removeprefix("cxr: ")
    if status == 2:
        raise usage_error(errors)
    signalled = ended_by_signal(status)
    if signalled is not None:
        raise signalled
    try:
        report = LabelsReport.from_document(json.loads(run.stdout), FilePath(os.fsdecode(dir)))
    except (ValueError, LookupError):
        message = errors or f"cxr ended with status {status} and without a report"
        raise RunError(message, status=status) from None
    if check and not report.ok:
        raise LabelsError(report, status)
    return report
