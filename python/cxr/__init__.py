"""Downloads, verifies and extracts the archives of NIH ChestX-ray14.

The module starts the program `cxr`, which is in the same wheel, and returns its report:

    import cxr

    report = cxr.fetch("nih", extract=True)
    for archive in report.archives:
        print(archive.name, archive.verdict)

A run after which an archive is not right raises an `ArchiveError`, such as `CorruptArchive` or
`Unreachable`. The exception carries the report.
"""

from __future__ import annotations

from ._commands import extract, fetch, verify
from ._errors import (
    ArchiveError,
    Cancelled,
    CorruptArchive,
    CxrError,
    ForeignArchive,
    IncompleteArchive,
    Interrupted,
    LocalError,
    MissingArchive,
    ProgramNotFound,
    RunError,
    Unreachable,
    UsageError,
)
from ._labels import LabelsError, LabelsFile, LabelsReport, labels
from ._process import Event
from ._program import find_program
from ._report import Archive, Damage, ImageProblem, Images, Report

__all__ = [
    "Archive",
    "ArchiveError",
    "Cancelled",
    "CorruptArchive",
    "CxrError",
    "Damage",
    "Event",
    "ForeignArchive",
    "ImageProblem",
    "Images",
    "IncompleteArchive",
    "Interrupted",
    "LabelsError",
    "LabelsFile",
    "LabelsReport",
    "LocalError",
    "MissingArchive",
    "ProgramNotFound",
    "Report",
    "RunError",
    "Unreachable",
    "UsageError",
    "extract",
    "fetch",
    "find_program",
    "labels",
    "verify",
]
