"""The commands as functions."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from typing import Optional, Union

from ._errors import Cancelled, CxrError, Interrupted, RunError, UsageError, archive_error
from ._process import Outcome, run
from ._program import find_program
from ._progress import Progress, listener
from ._report import Report

Path = Union[str, "os.PathLike[str]"]
Selector = Union[str, int]

# What an option may be set to. `None` and `False` leave it out.
_Value = Union[None, bool, int, float, str, "os.PathLike[str]"]


def fetch(
    dir: Path,
    archives: Union[None, Selector, Iterable[Selector]] = None,
    sources: Union[None, Path, Iterable[Path]] = None,
    progress: Progress = None,
    *,
    checksums: Optional[Path] = None,
    jobs: Optional[int] = None,
    connections: Optional[int] = None,
    retries: Optional[int] = None,
    stall_timeout: Optional[float] = None,
    connect_timeout: Optional[float] = None,
    limit_rate: Union[None, int, str] = None,
    cacert: Optional[Path] = None,
    wait: bool = False,
    recheck: bool = False,
    keep_corrupt: bool = False,
    fail_fast: bool = False,
    dry_run: bool = False,
    check: bool = True,
    cancel: Optional[threading.Event] = None,
) -> Report:
    """Downloads archives into a folder, verifies them, and returns the report.

    It resumes what is incomplete, repairs what is damaged, and leaves alone what is right. It writes
    nothing but this folder. `cxr help fetch` describes the options.

    :param dir: the folder; it is created if it does not exist.
    :param archives: such as `3`, `"1-4"` or `["images_001", 9]`; all by default.
    :param sources: mirrors and folders, in the order in which they are asked; by default the
        addresses of the table, which are NIH's.
    :param progress: a function that gets every event of the event log, in the calling thread; `True`
        for a bar of `tqdm`, or the program's own progress where `tqdm` is not installed.
    :param dry_run: only report what would be fetched; no verdict raises an exception.
    :param check: raise an exception if an archive is not right. Without it, look at the report.
    :param cancel: an event of `threading` that ends the run in good order when it is set.

    An exception in `progress`, Ctrl-C and `cancel` end the program in good order. It keeps its partial
    downloads, and the same call resumes them.
    """
    options: dict[str, _Value] = {
        "dir": dir,
        "checksums": checksums,
        "jobs": jobs,
        "connections": connections,
        "retries": retries,
        "stall-timeout": stall_timeout,
        "connect-timeout": connect_timeout,
        "limit-rate": limit_rate,
        "cacert": cacert,
        "wait": wait,
        "recheck": recheck,
        "keep-corrupt": keep_corrupt,
        "fail-fast": fail_fast,
        "dry-run": dry_run,
    }
    arguments = [*_sources(sources), *_options(options), "--", *_selectors(archives)]
    return _run("fetch", arguments, progress, check and not dry_run, cancel)


def verify(
    paths: Union[None, Path, Iterable[Path]] = None,
    sources: Union[None, Path, Iterable[Path]] = None,
    progress: Progress = None,
    *,
    archives: Union[None, Selector, Iterable[Selector]] = None,
    checksums: Optional[Path] = None,
    quick: bool = False,
    sha256: bool = False,
    resume: bool = False,
    since: Optional[str] = None,
    locate: bool = True,
    background: bool = False,
    readers: Optional[int] = None,
    jobs: Optional[int] = None,
    retries: Optional[int] = None,
    stall_timeout: Optional[float] = None,
    connect_timeout: Optional[float] = None,
    limit_rate: Union[None, int, str] = None,
    cacert: Optional[Path] = None,
    check: bool = True,
    cancel: Optional[threading.Event] = None,
) -> Report:
    """Checks folders, files or mirrors against the published MD5s, and returns the report.

    It reads everything and changes nothing. `cxr help verify` describes the options.

    :param paths: folders of archives, and files of any name; the current folder by default.
    :param sources: mirrors to check in place of local files.
    :param archives: the archives of the mirrors to check, as in `fetch`; all by default.
    :param progress: as in `fetch`.
    :param check: as in `fetch`. With `quick`, an archive that is `present` is right.
    :param cancel: as in `fetch`.
    """
    if sources is None and archives is not None:
        raise ValueError("archives select from mirrors; give sources too, or paths of files")
    if sources is not None and paths is not None:
        raise ValueError("give paths or sources, not both")
    options: dict[str, _Value] = {
        "checksums": checksums,
        "quick": quick,
        "sha256": sha256,
        "resume": resume,
        "since": since,
        "no-locate": not locate,
        "background": background,
        "readers": readers,
        "jobs": jobs,
        "retries": retries,
        "stall-timeout": stall_timeout,
        "connect-timeout": connect_timeout,
        "limit-rate": limit_rate,
        "cacert": cacert,
    }
    operands = _selectors(archives) if sources is not None else _several("paths", paths)
    arguments = [*_sources(sources), *_options(options), "--", *operands]
    return _run("verify", arguments, progress, check, cancel)


def _run(
    command: str,
    arguments: list[str],
    progress: Progress,
    check: bool,
    cancel: Optional[threading.Event],
) -> Report:
    program = find_program()
    with listener(progress, f"cxr {command}") as (listen, shows_messages):
        outcome = run([program, command, *arguments], listen, cancel, shows_messages)
    return _result(outcome, check)


def _result(outcome: Outcome, check: bool) -> Report:
    """Returns the report, or raises the exception that fits the exit status."""
    status, report = outcome.status, outcome.report
    reason = (report and report.error) or outcome.errors.removeprefix("error: ")

    def error(kind: type[CxrError], message: str) -> CxrError:
        return kind(message, report=report, status=status)

    if outcome.cancelled:
        raise error(Cancelled, "the run was cancelled; the same call resumes it")
    if status in (129, 130, 143):
        raise error(Interrupted, f"a signal ended cxr (status {status}); the same call resumes it")
    if status == 2:
        raise error(UsageError, reason)
    if status < 0:
        raise error(RunError, f"signal {-status} ended cxr at once; the same call resumes the run")
    if report is None or report.error is not None:
        raise error(RunError, reason or f"cxr ended with status {status} and without a report")
    wrong = archive_error(report, status) if check else None
    if wrong is not None:
        raise wrong
    if status == 3 and not report.with_verdict("error", "unreachable"):
        # The archives are right, but a file was lost, such as the log of CXR_JUNIT.
        raise error(RunError, reason)
    return report


def _options(options: dict[str, _Value]) -> Iterator[str]:
    for name, value in options.items():
        if value is True:
            yield f"--{name}"
        elif value is not None and value is not False:
            yield f"--{name}={os.fspath(value) if isinstance(value, os.PathLike) else value}"


def _sources(sources: Union[None, Path, Iterable[Path]]) -> Iterator[str]:
    for source in _several("sources", sources):
        yield f"--from={source}"


def _selectors(archives: Union[None, Selector, Iterable[Selector]]) -> list[str]:
    if archives is None or isinstance(archives, str):
        return _several("archives", archives)
    numbers = [archives] if isinstance(archives, int) else archives
    return _several("archives", [str(archive) for archive in numbers])


def _several(name: str, values: Union[None, Path, Iterable[Path]]) -> list[str]:
    """Returns one value or several as a list. An empty one is a mistake: it would select all."""
    if values is None:
        return []
    if isinstance(values, (str, os.PathLike)):
        values = [values]
    words = [os.fspath(value) for value in values]
    if not words:
        raise ValueError(f"{name} is empty; leave it out for the default")
    return words
