"""Who may do what: a role is a set of duties; areas and layers narrow a user further. The database holds her to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from layers import Label

Duty = Literal["read", "edit", "record", "handle", "verify", "direct", "restore", "backdate", "administer"]
"""read everything that is hers; edit records of layers; record hazards and what is done (inspections, works ...);
handle, verify and direct hazards (see layers.Transition); restore versions and undo changes; give an earlier day from
which a change holds; administer users."""

RoleName = Literal["viewer", "editor", "inspector", "verifier", "manager", "admin"]

ROLES: Mapping[RoleName, frozenset[Duty]] = {
    "viewer": frozenset({"read"}),
    "editor": frozenset({"read", "edit", "record", "handle"}),
    "inspector": frozenset({"read", "record", "handle"}),
    "verifier": frozenset({"read", "verify"}),
    "manager": frozenset(get_args(Duty)) - {"administer"},
    "admin": frozenset(get_args(Duty)),
}
LABELS: Mapping[RoleName, Label] = {
    "viewer": Label("查看", "viewer"),
    "editor": Label("编辑", "editor"),
    "inspector": Label("检查", "inspector"),
    "verifier": Label("复查", "verifier"),
    "manager": Label("主管", "manager"),
    "admin": Label("管理员", "administrator"),
}
WORDS: Mapping[Duty, Label] = {
    "read": Label("查看与下载", "read and download"),
    "edit": Label("新增、修改、删除图层记录", "create, change and delete records of layers"),
    "record": Label("登记隐患与检查等记录", "record hazards, inspections and what is done"),
    "handle": Label("办理隐患整改", "handle hazards"),
    "verify": Label("复查隐患整改", "verify what was rectified"),
    "direct": Label("督办隐患", "direct the ledger: supervise, extend, return"),
    "restore": Label("恢复版本、撤销变更", "restore versions and undo changes"),
    "backdate": Label("指定更早的生效日期", "give an earlier day from which a change holds"),
    "administer": Label("管理用户", "administer users"),
}
ANONYMOUS = "anonymous"
"""The user as whom everybody reads who has not signed in. She cannot sign in, and an administrator may narrow her."""


def roles_with(duty: Duty) -> tuple[RoleName, ...]:
    """Return the roles that have a duty."""
    return tuple(role for role, duties in ROLES.items() if duty in duties)
