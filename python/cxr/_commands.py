"""The commands as functions."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from typing import Optional, Union

from ._errors import (
    Cancelled,
    CxrError,
    RunError,
    archive_error,
    ended_by_signal,
    usage_error,
)
from ._process import Outcome, run
from ._program import find_program
from ._progress import Progress, listener
from ._report import Report

Path = Union[str, "os.PathLike[str]"]
Selector = Union[str, int]

# What an option with a value may be set to. `None` leaves it out; each member of a list is an option.
_Single = Union[None, int, float, str, "os.PathLike[str]"]
_Value = Union[_Single, "list[str]"]


def fetch(
    dir: Path,
    archives: Union[None, Selector, Iterable[Selector]] = None,
    sources: Union[None, Path, Iterable[Path]] = None,
    progress: Progress = None,
    *,
    extract: bool = False,
    delete_archives: bool = False,
    to: Optional[Path] = None,
    layout: Optional[str] = None,
    split: Optional[str] = None,
    label: Union[None, str, Iterable[str]] = None,
    view: Optional[str] = None,
    patient: Union[None, Selector, Iterable[Selector]] = None,
    names: Optional[Path] = None,
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
    nothing but this folder and `to`. `cxr help fetch` describes the options.

    :param dir: the folder; it is created if it does not exist.
    :param archives: such as `3`, `"1-4"` or `["images_001", 9]`; all by default.
    :param sources: mirrors and folders, in the order in which they are asked; by default the
        addresses of the table, which are NIH's.
    :param progress: a function that gets every event of the event log, in the calling thread; `True`
        for a bar of `tqdm`, or the program's own progress where `tqdm` is not installed.
    :param extract: extract the images of each archive as soon as it is verified. `to`, `layout`,
        `split`, `label`, `view`, `patient` and `names` are those of `extract`, and only the archives
        with selected images are fetched.
    :param delete_archives: with `extract`, delete each archive after its images are extracted.
    :param dry_run: only report what would be fetched; no verdict raises an exception.
    :param check: raise an exception if an archive is not right. Without it, look at the report.
    :param cancel: an event of `threading` that ends the run in good order when it is set.

    An exception in `progress`, Ctrl-C and `cancel` end the program in good order. It keeps its partial
    downloads, and the same call resumes them.
    """
    switches = _switches(
        extract=extract,
        delete_archives=delete_archives,
        wait=wait,
        recheck=recheck,
        keep_corrupt=keep_corrupt,
        fail_fast=fail_fast,
        dry_run=dry_run,
    )
    _check_switches(check=check)
    if not extract and (to is not None or layout is not None):
        raise ValueError("to and layout are for images; set extract=True too")
    options: dict[str, _Value] = {
        "dir": dir,
        **_images(to, layout, split, label, view, patient, names),
        "checksums": checksums,
        "jobs": jobs,
        "connections": connections,
        "retries": retries,
        "stall-timeout": stall_timeout,
        "connect-timeout": connect_timeout,
        "limit-rate": limit_rate,
        "cacert": cacert,
    }
    operands = _selectors("archives", archives)
    arguments = [*_sources(sources), *switches, *_options(options), "--", *operands]
    return _run("fetch", arguments, progress, check and not dry_run, cancel)


def extract(
    dir: Path,
    archives: Union[None, Selector, Iterable[Selector]] = None,
    to: Optional[Path] = None,
    layout: Optional[str] = None,
    progress: Progress = None,
    *,
    split: Optional[str] = None,
    label: Union[None, str, Iterable[str]] = None,
    view: Optional[str] = None,
    patient: Union[None, Selector, Iterable[Selector]] = None,
    names: Optional[Path] = None,
    checksums: Optional[Path] = None,
    jobs: Optional[int] = None,
    recheck: bool = False,
    wait: bool = False,
    check: bool = True,
    cancel: Optional[threading.Event] = None,
) -> Report:
    """Extracts the images of a folder's archives, and returns the report.

    It verifies each archive and checks every image of it. The images get their names only if all are
    right. Images that are there already are not written again. `cxr help extract` describes the
    options.

    :param dir: the folder of the archives.
    :param archives: as in `fetch`; all by default.
    :param to: the folder for the images; that of the archives by default.
    :param layout: `flat` (`images/NAME`, the default), `archive` (`images_001/NAME`) or `kaggle`
        (`images_001/images/NAME`).
    :param split: only images of NIH's part `train_val` or `test`.
    :param label: only images with this label, or with one of several.
    :param view: only images of the view `PA` or `AP`.
    :param patient: only images of these patients, such as `7`, `"1-100"` or `[7, "20-30"]`.
    :param names: only the images that this file names.
    :param progress: as in `fetch`.
    :param check: as in `fetch`.
    :param cancel: as in `fetch`.
    """
    switches = _switches(recheck=recheck, wait=wait)
    _check_switches(check=check)
    options: dict[str, _Value] = {
        "dir": dir,
        **_images(to, layout, split, label, view, patient, names),
        "checksums": checksums,
        "jobs": jobs,
    }
    arguments = [*switches, *_options(options), "--", *_selectors("archives", archives)]
    return _run("extract", arguments, progress, check, cancel)


def verify(
    paths: Union[None, Path, Iterable[Path]] = None,
    sources: Union[None, Path, Iterable[Path]] = None,
    progress: Progress = None,
    *,
    archives: Union[None, Selector, Iterable[Selector]] = None,
    images: Optional[Path] = None,
    compare: Optional[Path] = None,
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
    """Checks folders, files, mirrors or extracted images, and returns the report.

    It reads everything and changes nothing. `cxr help verify` describes the options.

    :param paths: folders of archives, and files of any name; the current folder by default.
    :param sources: mirrors to check in place of local files.
    :param archives: the archives of the mirrors or of the images to check, as in `fetch`; all by
        default.
    :param images: a folder of extracted images to check, in any layout.
    :param compare: with `images`, the record to compare with; by default `images.tsv` in that folder.
    :param progress: as in `fetch`.
    :param check: as in `fetch`. With `quick`, an archive that is `present` is right.
    :param cancel: as in `fetch`.
    """
    _check_switches(locate=locate, check=check)
    switches = _switches(
        quick=quick,
        sha256=sha256,
        resume=resume,
        no_locate=not locate,
        background=background,
    )
    if archives is not None and sources is None and images is None:
        raise ValueError("archives select from mirrors; give sources too, or paths of files")
    if sum(given is not None for given in (paths, sources, images)) > 1:
        raise ValueError("give only one of paths, sources and images")
    options: dict[str, _Value] = {
        "images": images,
        "compare": compare,
        "checksums": checksums,
        "since": since,
        "readers": readers,
        "jobs": jobs,
        "retries": retries,
        "stall-timeout": stall_timeout,
        "connect-timeout": connect_timeout,
        "limit-rate": limit_rate,
        "cacert": cacert,
    }
    operands = _several("paths", paths) or _selectors("archives", archives)
    arguments = [*_sources(sources), *switches, *_options(options), "--", *operands]
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
    reason = (report and report.error) or outcome.errors.removeprefix("cxr: ")

    def error(kind: type[CxrError], message: str) -> CxrError:
        return kind(message, report=report, status=status)

    if outcome.cancelled:
        raise error(Cancelled, "the run was cancelled; the same call resumes it")
    if status == 2:
        raise usage_error(reason, report)
    signalled = ended_by_signal(status, report)
    if signalled is not None:
        raise signalled
    if report is None or report.error is not None:
        raise error(RunError, reason or f"cxr ended with status {status} and without a report")
    wrong = archive_error(report, status) if check else None
    if wrong is not None:
        raise wrong
    if status == 3 and not report.with_verdict("error", "unreachable"):
        # The archives are right, but a file was lost, such as the log of CXR_JUNIT.
        raise error(RunError, reason)
    return report


def _images(
    to: Optional[Path],
    layout: Optional[str],
    split: Optional[str],
    label: Union[None, str, Iterable[str]],
    view: Optional[str],
    patient: Union[None, Selector, Iterable[Selector]],
    names: Optional[Path],
) -> dict[str, _Value]:
    """Returns the options that select images and their places."""
    return {
        "to": to,
        "layout": layout,
        "split": split,
        "label": _several("label", label),
        "view": view,
        "patient": _selectors("patient", patient),
        "names": names,
    }


def _check_switches(**switches: object) -> None:
    """Refuses what is neither `True` nor `False`: the text "no" would count as true."""
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} is {value!r}; it must be True or False")


def _switches(**switches: bool) -> list[str]:
    """Returns the options without a value that are set."""
    _check_switches(**switches)
    return [f"--{name.replace('_', '-')}" for name, value in switches.items() if value]


def _options(options: dict[str, _Value]) -> Iterator[str]:
    for name, values in options.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, bool):
                raise TypeError(f"{name.replace('-', '_')} is {value}; it takes a value")
            if isinstance(value, (bytes, os.PathLike)):
                yield f"--{name}={os.fsdecode(value)}"
            elif value is not None:
                yield f"--{name}={value}"
            elif name == "dir":
                raise TypeError("dir is None; name a folder")


def _sources(sources: Union[None, Path, Iterable[Path]]) -> Iterator[str]:
    for source in _several("sources", sources):
        yield f"--from={source}"


def _selectors(name: str, selectors: Union[None, Selector, Iterable[Selector]]) -> list[str]:
    if selectors is None or isinstance(selectors, str):
        return _several(name, selectors)
    words = [selectors] if isinstance(selectors, int) else selectors
    return _several(name, [str(word) for word in words])


def _several(name: str, values: Union[None, Path, Iterable[Path]]) -> list[str]:
    """Returns one value or several as a list. An empty one is a mistake: it would select all."""
    if values is None:
        return []
    if isinstance(values, (str, bytes, os.PathLike)):
        values = [values]
    words = [os.fsdecode(value) for value in values]
    if not words:
        raise ValueError(f"{name} is empty; leave it out for the default")
    return words
