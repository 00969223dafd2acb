"""What a format is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from gis_service.errors import UnknownValue
from gis_service.exports.source import Export, Source
from layers import Label


@dataclass(frozen=True)
class Format:
    """A format of files, known by its suffix.

    Text comes in `pieces`, as PostgreSQL finds the rows; a binary file has to be complete before its first byte is
    right, and is what `write` leaves at a path. What has no place for metadata is `plain`: these stand beside it.
    `only` are the names of the places that its standard allows, where it does not allow all.
    """

    suffix: str
    media_type: str
    title: Label
    note: Label
    pieces: Callable[[Source], Generator[bytes]] | None = None
    write: Callable[[Source, Path], None] | None = None
    plain: bool = False
    only: tuple[str, ...] = ()

    def check(self, export: Export) -> None:
        """Refuse coordinates that the format does not allow.

        Raises
        ------
        UnknownValue
            With those that it does.
        """
        if self.only and export.place.name not in self.only:
            raise UnknownValue("crs", export.place.name, self.only)
