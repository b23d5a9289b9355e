"""The house's disk: what is kept there, and what someone finds who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...bus import EventBus
from ...event import CloudEvent, Event
from ...log import EventLog, open_log


class Disk:
    """A log in a folder of its own."""

    def __init__(self, folder: Path, log: EventLog) -> None:
        self._folder = folder
        self.log = log

    def files(self) -> bytes:
        """Return what anyone can read who has the disk, and not the program."""
        return b"".join(file.read_bytes() for file in sorted(self._folder.iterdir()))

    def events(self) -> list[CloudEvent]:
        """Return the events as the house reads them."""
        return [entry.event for entry in self.log.read()]


@contextmanager
def new_disk(folder: Path) -> Iterator[Disk]:
    """Make a disk in this folder, which is made too."""
    folder.mkdir()
    with open_log(folder / "events.db") as log:
        yield Disk(folder, log)


@contextmanager
def keeping_on_disk(bus: EventBus, topics: str, folder: Path) -> Iterator[Disk]:
    """Keep on a new disk what arrives from outside on these topics."""
    from ...https.incoming import Received

    def keep(event: Event) -> None:
        original = event.original if isinstance(event, Received) else None
        disk.log.append(original or event)

    with new_disk(folder) as disk, bus.subscribe(topics, keep):
        yield disk
