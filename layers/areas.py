"""Areas 行政区域: the district and its sub-districts, which partition everything else.

Codes follow GB/T 10114-2003 县级以下行政区划代码编制规则: six digits of the district, then three: 001-099 街道,
100-199 镇, 200-399 乡, 400 and above other units such as farms.
"""

from sqlalchemy.orm import Mapped

from layers._fields import flag, number, term, text
from layers._layer import Layer, Role, Symbol
from layers._vocabulary import Label, Term, Vocabulary

LEVEL = Vocabulary(
    "GB/T 10114-2003",
    (
        Term("区县", "district", colour="#5b6472", aliases=("区", "县", "county")),
        Term("街道", "sub-district", colour="#7a8ca3", aliases=("街道办事处",)),
        Term("镇", "town", colour="#93a38a", aliases=("建制镇",)),
        Term("乡", "township", colour="#a89f80"),
        Term("其他", "other unit", colour="#a58e9c", aliases=("农场", "开发区", "other")),
    ),
)


class Area(Layer):
    """An administrative area. The database finds its parent and whether it is a leaf from the geometry.

    Only leaves (areas with no area inside them) hold features, so that nothing is counted twice.
    """

    title = Label("行政区域", "Areas")
    standard = "GB/T 10114-2003"
    prefix = "QY"
    geometry = ("MultiPolygon",)
    role = Role.AREAS
    symbol = Symbol("level", "area")
    kept = (*Layer.kept, "parent_code", "leaf")

    level: Mapped[str] = term("级别", "Level", LEVEL, aliases=("行政级别",))
    population: Mapped[float | None] = number("常住人口", "Residents", unit="人", minimum=0, aliases=("人口",))
    office: Mapped[str | None] = text("办公地址", "Office address", aliases=("地址",))
    parent_code: Mapped[str | None] = text("上级区域", "Parent area", references="areas")
    leaf: Mapped[bool | None] = flag("基层单元", "Lowest unit")
