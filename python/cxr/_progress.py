"""Progress of a run: a callback, a bar of tqdm, or the program's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable, Union

from ._process import Event

Progress = Union[None, bool, Callable[[Event], object]]
"""A callback that gets every event; `True` for a bar; `None` or `False` for nothing."""


@contextmanager
def listener(progress: Progress, title: str) -> Iterator[tuple[Callable[[Event], object], bool]]:
    """Yields the function that gets the events, and whether the program shows its own messages."""
    if callable(progress):
        yield progress, False
        return
    if progress is not None and not isinstance(progress, bool):
        raise TypeError(f"progress is {progress!r}; it must be a function, True, False or None")
    if not progress:
        yield _ignore, False
        return
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        yield _ignore, True
        return
    with tqdm(desc=title, unit="B", unit_scale=True, unit_divisor=1024) as bar:
        yield _Bar(bar), False


def _ignore(_: Event) -> None:
    pass


class _Bar:
    """A bar of tqdm that follows the events."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def __call__(self, event: Event) -> None:
        kind = event.get("event")
        if kind in ("progress", "summary") and "bytes_done" in event:
            self._bar.total = event["bytes_total"]
            # Bytes that turn out to be wrong make it go back.
            self._bar.update(event["bytes_done"] - self._bar.n)
            self._bar.set_postfix_str(f"{event['settled']}/{event['archives']} archives")
        elif kind == "notice":
            self._bar.write(f"cxr: {event['message']}")
