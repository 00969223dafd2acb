"""The risk of the day as it is kept: the scores of features, those to be scored anew, and counts by level and area.

Triggers only say what a statement has touched; the engine scores (`gis_service.risk.kept`).
"""

from __future__ import annotations

from sqlalchemy import Connection, column, table

from gis_service.database.statements import filled, literal, run
from layers import Layer, Ledger, ledger, registry

scored = table("risk_scored", *map(column, ("layer", "id", "code", "area_code", "score", "rank", "completeness")))
unscored = table("risk_unscored", *map(column, ("layer", "code")))
levels = table("risk_tallies", *map(column, ("layer", "area_code", "rank", "number")))
basis = table("risk_basis", column("basis"))


def make_risk_levels(connection: Connection, service: str) -> None:
    """Make the tables, and the triggers of every layer that a score is read from; all is to be scored anew."""
    hazards = ledger()
    read = [layer for layer in registry().values() if layer.risk or layer is hazards]
    seen = " AND ".join(f"gis_holds({literal(layer.__tablename__)})" for layer in read)
    names = {
        "service": service,
        "readable": f"(SELECT gis_everywhere() AND {seen})",
        "ledger": hazards.__tablename__,
        "major_open": f"level = {literal(hazards.major)} AND status IN ({', '.join(map(literal, hazards.open_terms))})",
    }
    run(connection, filled("risk", **names))
    run(connection, "DELETE FROM risk_basis")
    for layer in read:
        rows = {side: _touched(layer, f"{side}_rows") for side in ("new", "old")}
        run(connection, filled("unscored", table=layer.__tablename__, **rows))


def _touched(layer: type[Layer], rows: str) -> str:
    """Return the SELECT of what rows of a layer are scores of, or are read for: layer and code."""
    if not issubclass(layer, Ledger):
        return f"SELECT {literal(layer.__tablename__)}, code FROM {rows}"
    scored = ", ".join(literal(name) for name, other in registry().items() if other.risk)
    return (
        f"SELECT DISTINCT subject_layer, subject_code FROM {rows} "
        f"WHERE subject_layer IN ({scored}) AND subject_code IS NOT NULL"
    )
