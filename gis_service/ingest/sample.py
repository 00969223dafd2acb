"""Load the sample district (示意) into the database, as it is or N times as dense."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import groupby

import pandas as pd
from sqlalchemy import Connection, select

import sample
from gis_service.database import Database, District, note
from gis_service.database.district import describe
from gis_service.database.objects import kept_of
from gis_service.errors import UsageError
from gis_service.ingest.frames import Frame, load_frame
from gis_service.ingest.insert import grown_by, index_afterwards
from layers import registry

Progress = Callable[[str, int], None]


def is_empty(connection: Connection) -> bool:
    """Say whether the district holds no feature at all."""
    return all(connection.execute(select(layer.id).limit(1)).first() is None for layer in registry().values())


def load_sample(
    database: Database,
    *,
    scale: int = 1,
    only: Collection[str] = (),
    replace: bool = False,
    progress: Progress | None = None,
) -> None:
    """Load the sample in one transaction: the whole of it, or nothing; N times as dense, or `only` some of its layers.

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
                    "本区已有数据，未载入示例。若要替换，请加 --replace（会删除现有数据及其历史）。",
                    "The district holds data; the sample was not loaded. --replace deletes it with its history first.",
                )
            for name in registry():
                connection.exec_driver_sql(f"DELETE FROM {name}")
                connection.exec_driver_sql(f"DELETE FROM {name}_history")
        about = sample.DISTRICT
        describe(connection, District("", about.name, about.clock, about.metric_srid, about.illustrative))
        _live_the_year(connection, progress)
        for name, frames in groupby(sample.records(scale, only), key=lambda record: record[0]):
            layer = registry()[name]
            held = len(next(frames)[1])  # the first frame of a layer is what the year has ended with
            with index_afterwards(connection, grown_by(layer), held * (scale - 1)):
                for _, frame in frames:  # noqa: B031 - the others
                    load_frame(connection, layer, frame)
                    if progress:
                        progress(name, len(frame))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name, layer in registry().items():
            kept = [one.table for one in kept_of(layer)]
            for table in kept:
                connection.exec_driver_sql(f"SELECT gis_fold_{table}()")
            # an index answers by itself only where VACUUM has found that all see the same
            connection.exec_driver_sql(f"VACUUM (ANALYZE) {', '.join((name, *kept))}")


def _live_the_year(connection: Connection, progress: Progress | None) -> None:
    """Load what was at the start of the year, then every change on its day."""
    changes = list(sample.year())
    staged: dict[str, Frame] = {}
    for change in changes:
        note(connection, reason=change.reason, valid_from=change.on)
        if change.layer not in staged:  # only now: the areas that rows are placed in come first
            rows = pd.concat([other.rows for other in changes if other.layer == change.layer], ignore_index=True)
            staged[change.layer] = Frame(connection, registry()[change.layer], rows)
        staged[change.layer].put(len(change.rows))
        if progress:
            progress(change.layer, len(change.rows))
    note(connection, reason="示例", valid_from=changes[0].on)
