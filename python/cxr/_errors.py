"""The exceptions."""

from __future__ import annotations

import re

from ._report import Archive, Report


class CxrError(Exception):
    """The base of all exceptions of this module."""

    report: Report | None
    """The report of the run, if it wrote one."""
    status: int | None
    """The exit status of the program; negative if a signal ended it; `None` if it did not run."""

    def __init__(
        self, message: str, *, report: Report | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.report = report
        self.status = status


class ProgramNotFound(CxrError):
    """The program is not installed where the module expects it."""


class UsageError(CxrError):
    """An argument or a table is wrong. Nothing was done."""


class RunError(CxrError):
    """The run has no result, for example because another cxr uses the folder."""


class Interrupted(CxrError):
    """Somebody ended the program with a signal. The same call resumes the run."""


class Cancelled(Interrupted):
    """The event `cancel` was set. The same call resumes the run."""


class ArchiveError(CxrError):
    """Some archive is not `ok`; `archives` has those of the verdict that names the exception."""

    verdict = ""
    archives: tuple[Archive, ...] = ()


class CorruptArchive(ArchiveError):
    """The bytes of an archive are wrong."""

    verdict = "corrupt"


class ForeignArchive(ArchiveError):
    """There is a different file under the name of an archive."""

    verdict = "foreign"


class IncompleteArchive(ArchiveError):
    """An archive is shorter than it should be."""

    verdict = "incomplete"


class MissingArchive(ArchiveError):
    """An archive is not there."""

    verdict = "missing"


class LocalError(ArchiveError):
    """This machine could not read or write an archive."""

    verdict = "error"


class Unreachable(ArchiveError):
    """No source could give an archive."""

    verdict = "unreachable"


# If there are several verdicts, the first of these names the exception.
_KINDS: tuple[type[ArchiveError], ...] = (
    CorruptArchive,
    ForeignArchive,
    IncompleteArchive,
    MissingArchive,
    LocalError,
    Unreachable,
)


def archive_error(report: Report, status: int) -> ArchiveError | None:
    """Returns the exception for the archives that are not right, if there are any."""
    wrong = [a for a in report.archives if a.verdict not in ("ok", "present")]
    for kind in _KINDS:
        archives = tuple(archive for archive in wrong if archive.verdict == kind.verdict)
        if archives:
            message = "; ".join(str(archive) for archive in [*archives[:3]])
            others = len(wrong) - len(archives[:3])
            message += f"; and {others} more" if others else ""
            error = kind(message, report=report, status=status)
            error.archives = archives
            return error
    return None


def usage_error(message: str, report: Report | None = None) -> UsageError:
    """Returns the exception for a wrong argument, without the help for a command line."""
    sentence = re.split(r"\n\n(?=Usage: |For more information| +tip: )", message)[0]
    return UsageError(sentence, report=report, status=2)


def ended_by_signal(status: int, report: Report | None = None) -> CxrError | None:
    """Returns the exception for a status that means a signal, or `None` for other statuses."""
    resumes = "the same call resumes the run"
    if status in (129, 130, 143):
        message = f"a signal ended cxr (status {status}); {resumes}"
        return Interrupted(message, report=report, status=status)
    if status < 0:
        message = f"signal {-status} ended cxr at once; {resumes}"
        return RunError(message, report=report, status=status)
    return None
