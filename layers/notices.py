"""Notices 文书: what is served on whom, by when it is to be answered, and when it was.

建设工程质量管理条例 and 建设工程安全生产管理条例 for rectification and suspension; 约谈 are summonses, not penalties.
"""

from datetime import date as Date  # noqa: N812 - the column kind is called date

from sqlalchemy.orm import Mapped

from layers._fields import date, term, text
from layers._layer import Figure, Symbol
from layers._ledger import Record
from layers._vocabulary import Label, Term, Vocabulary

KIND = Vocabulary(
    "建设工程安全生产管理条例; 建设工程质量管理条例",
    (
        Term("整改通知书", "rectification notice", colour="#ee9a3a", aliases=("整改通知", "责令整改通知书")),
        Term("停工通知书", "suspension notice", colour="#a50f2d", aliases=("停工通知", "暂停施工通知书")),
        Term("约谈", "summons", colour="#7a4fa3", aliases=("约谈通知书",)),
        Term("处罚决定书", "penalty decision", colour="#5b6472", aliases=("行政处罚决定书",)),
    ),
)
PARTY = Vocabulary(
    "建设工程安全生产管理条例 (建设、勘察、设计、施工、监理单位); 本局文书台账",
    (
        Term("施工单位", "contractor", aliases=("施工企业",)),
        Term("监理单位", "supervising firm", aliases=("监理企业",)),
        Term("建设单位", "owner", aliases=("业主",)),
        Term("经营单位", "operator", aliases=("经营企业",)),
        Term("其他", "other"),
    ),
)


class Notice(Record):
    """A notice served on a party, about a feature (its subject) or about the party itself."""

    title = Label("文书", "Notices")
    standard = "建设工程安全生产管理条例 (国务院令393号); 建设工程质量管理条例 (国务院令279号)"
    prefix = "WS"
    symbol = Symbol("kind", "diamond", from_zoom=12, size=4)

    kind: Mapped[str] = term("文书类别", "Kind", KIND, aliases=("类别",))
    number: Mapped[str | None] = text("文号", "Number", aliases=("文书编号",))
    issued_on: Mapped[Date | None] = date("下发日期", "Issued on", aliases=("日期", "签发日期"))
    deadline: Mapped[Date | None] = date("整改期限", "Deadline", aliases=("限期", "期限"))
    party: Mapped[str] = term("对象类别", "Party", PARTY, aliases=("责任主体",))
    party_name: Mapped[str | None] = text("单位名称", "Name of the party", aliases=("单位", "企业"))
    content: Mapped[str | None] = text("文书内容", "Content", aliases=("内容", "事由"))
    answered_on: Mapped[Date | None] = date("回复日期", "Answered on", aliases=("整改回复日期",))

    figures = (
        Figure(
            "F62",
            Label("书面整改通知", "Sites: rectification notices"),
            Label("份", "notices"),
            where="kind = '整改通知书' AND subject_layer = 'project_sites' AND issued_on >= year_start()",
        ),
        Figure(
            "F65a",
            Label("约谈施工单位", "Contractors summoned"),
            Label("家", "firms"),
            "distinct:party_name",
            "kind = '约谈' AND party = '施工单位' AND issued_on >= year_start()",
        ),
        Figure(
            "F65b",
            Label("约谈监理单位", "Supervising firms summoned"),
            Label("家", "firms"),
            "distinct:party_name",
            "kind = '约谈' AND party = '监理单位' AND issued_on >= year_start()",
        ),
    )
