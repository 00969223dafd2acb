"""Load the sample district (示意) into the database, as it is or N times as dense."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete, select

import sample
from gis_service.database import Database, District
from gis_service.database.district import describe
from gis_service.errors import UsageError
from gis_service.ingest.load import load_frame
from layers import registry

Progress = Callable[[str, int], None]


def is_empty(connection: Connection) -> bool:
    """Say whether the district holds no feature at all."""
    return all(connection.execute(select(layer.id).limit(1)).first() is None for layer in registry().values())


def load_sample(database: Database, *, scale: int = 1, replace: bool = False, progress: Progress | None = None) -> None:
    """Load the sample in one transaction: the whole of it, or nothing.

    With `replace` what the district holds is deleted first. `progress` is told a layer's name and the rows added.

    Raises
    ------
    UsageError
        Where the district is not empty and `replace` is not given.
    """
    with database.transaction("sample") as connection:
        if not is_empty(connection):
            if not replace:
                raise UsageError(
                    "本区已有数据，未载入示例。若要替换，请加 --replace（会删除现有数据）。",
                    "The district holds data; the sample was not loaded. --replace deletes what is there first.",
                )
            for layer in registry().values():
                connection.execute(delete(layer))
        about = sample.DISTRICT
        describe(connection, District("", about.name, about.clock, about.metric_srid, about.illustrative))
        for name, frame in sample.records(scale):
            load_frame(connection, registry()[name], frame)
            if progress:
                progress(name, len(frame))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in registry():
            connection.exec_driver_sql(f"ANALYZE {name}")
