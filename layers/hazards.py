"""The ledger of hazards 隐患台账: one for all layers.

安监总局令16号 安全生产事故隐患排查治理暂行规定: 一般 and 重大 hazards; the loop 登记-交办-整改-复查-销号. Whether a
hazard is overdue is derived from the deadline and the district's clock, never stored.
"""

from datetime import date as Date  # noqa: N812 - the column kind is called date

from sqlalchemy.orm import Mapped

from layers._fields import date, flag, term, text
from layers._layer import Symbol
from layers._ledger import Ledger, Transition
from layers._vocabulary import Label, Term, Vocabulary

STATUS = Vocabulary(
    "安监总局令16号; 数字城管 GB/T 30428",
    (
        Term("登记", "found", colour="#c51b7d", aliases=("发现",)),
        Term("交办", "issued", colour="#de77ae", aliases=("下发",)),
        Term("整改中", "being rectified", colour="#f1a340", aliases=("整改",)),
        Term("整改完成", "rectified", colour="#b8c46b"),
        Term("复查", "verified", colour="#7fb8a8", aliases=("复查合格",)),
        Term("销号", "closed", colour="#4d8fa8", aliases=("闭环", "已销号")),
    ),
)
LEVEL = Vocabulary(
    "安监总局令16号 art. 3",
    (Term("一般", "ordinary", colour="#f1a340"), Term("重大", "major", colour="#a50f2d")),
)
KIND = Vocabulary(
    "本局隐患排查",
    (
        Term("结构", "structure"),
        Term("消防", "fire"),
        Term("燃气", "gas"),
        Term("基坑", "pit"),
        Term("高处作业", "work at height"),
        Term("临时用电", "temporary power"),
        Term("护岸", "bank"),
        Term("排口", "outfall"),
        Term("围挡", "hoarding"),
        Term("其他", "other"),
    ),
)


class Hazard(Ledger):
    """A hazard: at its own place, on its own or on a feature of any layer (its subject)."""

    title = Label("隐患", "Hazards")
    standard = "安监总局令16号"
    prefix = "YH"
    geometry = ("Point",)
    first = "登记"
    open_terms = ("登记", "交办", "整改中", "整改完成")
    rectified_terms = ("整改完成", "复查", "销号")
    verified_terms = ("复查", "销号")
    closed_terms = ("销号",)
    major = "重大"
    symbol = Symbol("status", "circle", from_zoom=11, size=5)
    transitions = (
        Transition("issue", Label("交办", "Issue"), ("登记",), "交办", stamps="issued_on", needs=("deadline",)),
        Transition("start", Label("开始整改", "Start"), ("交办",), "整改中"),
        Transition(
            "rectify",
            Label("整改完成", "Report rectified"),
            ("交办", "整改中"),
            "整改完成",
            stamps="rectified_on",
            signs="rectified_by",
            needs=("evidence",),
        ),
        Transition(
            "verify",
            Label("复查合格", "Verify"),
            ("整改完成",),
            "复查",
            duty="verify",
            stamps="verified_on",
            signs="verified_by",
            not_by="rectified_by",
        ),
        Transition(
            "return",
            Label("退回整改", "Return"),
            ("整改完成",),
            "整改中",
            duty="verify",
            clears=("rectified_on", "rectified_by"),
            needs=("note",),
            not_by="rectified_by",
        ),
        Transition("close", Label("销号", "Close"), ("复查",), "销号", duty="verify", stamps="closed_on"),
        Transition("extend", Label("延期", "Extend"), ("交办", "整改中"), duty="direct", needs=("deadline", "note")),
        Transition(
            "supervise",
            Label("挂牌督办", "Put under special supervision"),
            ("登记", "交办", "整改中", "整改完成"),
            duty="direct",
            sets={"supervised": True},
            needs=("note",),
        ),
    )

    kind: Mapped[str] = term("隐患类别", "Kind", KIND, aliases=("类别",))
    level: Mapped[str] = term("隐患级别", "Level", LEVEL, aliases=("级别",))
    status: Mapped[str] = term("状态", "Status", STATUS)
    description: Mapped[str | None] = text("隐患描述", "Description", aliases=("描述", "问题"))
    standard_version: Mapped[str | None] = text("判定依据", "Judged by")
    supervised: Mapped[bool | None] = flag("挂牌督办", "Special supervision")
    issued_on: Mapped[Date | None] = date("交办日期", "Issued on")
    rectified_by: Mapped[str | None] = text("整改人", "Rectified by")
    verified_on: Mapped[Date | None] = date("复查日期", "Verified on")
    verified_by: Mapped[str | None] = text("复查人", "Verified by")
    closed_on: Mapped[Date | None] = date("销号日期", "Closed on")
