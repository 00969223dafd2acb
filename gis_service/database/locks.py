"""Who waits for whom: locks that hold until the transaction ends, always taken in this order, before any row."""

from __future__ import annotations

from sqlalchemy import Connection, text

from layers import Layer, Role


def hold_places(connection: Connection, *layers: type[Layer]) -> None:
    """Keep areas from changing while places of these layers are written; of the areas, places while they change.

    Triggers do the same, but too late for whoever has locked something before.
    """
    alone = any(layer.role is Role.AREAS for layer in layers)
    connection.execute(text("SELECT gis_hold_places(:alone)"), {"alone": alone})


def take_turns(connection: Connection, *layers: type[Layer]) -> None:
    """Wait until nobody else writes to these layers, and keep others from it; all may read."""
    hold_places(connection, *layers)
    for layer in layers:
        connection.execute(text(f"LOCK TABLE {layer.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))
