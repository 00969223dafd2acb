"""The district that is served: its name, its clock, its metric CRS. One row of its schema."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Boolean, Connection, Date, Integer, Text, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.database.known import known
from gis_service.errors import UsageError
from gis_service.settings import Settings
from layers import Base, Label, Role, with_role

_CHINA = (73.0, 3.0, 136.0, 54.0)


class DistrictRow(Base):
    """The one row of the table `district`."""

    __tablename__ = "district"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    name_zh: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str] = mapped_column(Text)
    clock: Mapped[date | None] = mapped_column(Date)
    metric_srid: Mapped[int | None] = mapped_column(Integer)
    illustrative: Mapped[bool] = mapped_column(Boolean, default=False)


@dataclass(frozen=True)
class District:
    """A district as the engine needs it.

    `clock` is the day at which a sample stands still; None means that the clock is the clock. `metric_srid` is the
    EPSG code of the CRS for distances and chainage, or None while nothing says where the district lies.
    `illustrative` data is marked 示意 wherever it is shown.
    """

    key: str
    name: Label
    clock: date | None
    metric_srid: int | None
    illustrative: bool

    @property
    def today(self) -> date:
        """The district's day: everything that depends on time reads this, never the machine's clock."""
        return self.clock or date.today()  # noqa: DTZ011 - a bureau's day is its own local day

    def metres(self) -> int:
        """Return the EPSG code of the metric CRS.

        Raises
        ------
        UsageError
            While there are no areas yet and no setting names one.
        """
        if self.metric_srid is None:
            raise UsageError(
                "还不知道本区位于何处，无法选择米制坐标系。请先导入行政区域（gis import … --layer areas），"
                "或设置 GIS_METRIC_SRID。",
                "Where the district lies is not known yet. Import its areas first (gis import … --layer areas), "
                "or set GIS_METRIC_SRID.",
            )
        return self.metric_srid


def read(connection: Connection, settings: Settings) -> District:
    """Read the district; name and metric CRS given by the settings win over the stored, the latter over the areas'."""
    row = known(connection)
    name = Label(settings.district_name or row.name_zh, settings.district_name or row.name_en)
    srid = settings.metric_srid or row.metric_srid or _srid_of_areas(connection)
    return District(row.key, name, row.clock, srid, row.illustrative)


def describe(connection: Connection, district: District) -> None:
    """Store what a district says of itself."""
    connection.execute(
        update(DistrictRow).values(
            name_zh=district.name.zh,
            name_en=district.name.en,
            clock=district.clock,
            metric_srid=district.metric_srid,
            illustrative=district.illustrative,
        )
    )


def _srid_of_areas(connection: Connection) -> int | None:
    geom = with_role(Role.AREAS).geom
    # a district on the 180th meridian is narrow only where longitudes run from 0 to 360
    extents = [func.ST_Extent(geom), func.ST_Extent(func.ST_ShiftLongitude(geom))]
    edges = [getattr(func, f"ST_{edge}")(e) for e in extents for edge in ("XMin", "XMax")]
    found = connection.execute(select(*edges, func.ST_YMin(extents[0]), func.ST_YMax(extents[0]))).one()
    if found[0] is None:
        return None
    west, east = min(found[0:2], found[2:4], key=lambda edge: edge[1] - edge[0])
    return metric_srid_at(((west + east) / 2 + 180) % 360 - 180, (found[4] + found[5]) / 2)


def metric_srid_at(longitude: float, latitude: float) -> int:
    """Return the EPSG code of a metric CRS for a place given in degrees.

    In China the 3-degree Gauss-Kruger zone of CGCS2000 without zone prefix (EPSG:4534 is central meridian 75 E, one
    code for each 3 degrees), elsewhere the UTM zone on WGS 84 (EPSG:326xx north, 327xx south).
    """
    west, south, east, north = _CHINA
    if west <= longitude <= east and south <= latitude <= north:
        return 4534 + min(max(round(longitude / 3) - 25, 0), 20)
    zone = int((longitude + 180) // 6) % 60 + 1
    return (32600 if latitude >= 0 else 32700) + zone
