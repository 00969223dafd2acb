"""Everything that can go wrong for a user, as one tree.

GisError                       HTTP  exit
+- UsageError                   400    2   the request contradicts itself or is not understood
|  +- FilterError               400    2   a filter that does not parse or names what is not there
|  +- UnknownName               404    3   a layer, area, field, feature, river, map ... that is not there
|  +- UnknownValue              400    2   a parameter's value that is not among the allowed ones
|  +- OutOfOrder                409    2   a change that would hold from before the version that it follows
|  +- AlreadyThere              409    2   a record whose code is taken
|  +- ChangedSince              409    2   somebody has changed the same since the version that was read
|  +- NotNow                    409    2   a step that the state of a hazard, or of a change, does not allow
|  +- StaleVersion              412    2   a version that was asked for by If-Match and is no longer the present one
|  +- BadRecord                 422    4   a record that breaks rules of its layer: field, value and rule of each
|  +- TooLarge                  413    4   a file larger than allowed
|  +- WrongType                 415    4   a file of a type that is not taken, or a body of another type
+- NotSignedIn                  401    6   nobody is signed in, or the name, password or token is wrong
|  +- TooManyTries              429    6   too many failures to sign in
+- Forbidden                    403    6   she who is signed in may not do this, or not here
+- SourceError                  422    4   a file that cannot be taken
|  +- UnreadableSource                     cannot be opened or read
|  +- CrsError                             no CRS, or one that is unknown
|  +- GeometryTypeError                    geometry of a type that the layer does not hold
|  +- FieldError                           a column that is not there, or mapped twice
+- TargetError                  422    4   a file that cannot be written
+- DatabaseError                503    5   the database cannot be reached, or is not ready
|  +- ClusterError                         the embedded database cannot be started
|  +- NotUpgraded                          its tables are of another version of the program
+- StoreError                   503    5   the store of the attachments cannot be reached, or lacks the bytes

Messages are labels in both languages; the API makes a problem document (RFC 9457) of them, the command line one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from layers import Label, Language


class Fault(NamedTuple):
    """One fault of a record: the field, the value that was given, and the rule that it breaks."""

    field: str
    value: Any
    rule: Label


class GisError(Exception):
    """The base: a sentence in both languages that names what failed, and what is allowed instead.

    `status` is the HTTP status, `exit_code` the command's; `members` are added to the problem document, labels among
    them in the reader's language.
    """

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    title: ClassVar[Label] = Label("出错了", "Something failed")

    def __init__(self, zh: str, en: str, *, allowed: Iterable[str] = (), **members: Any) -> None:  # noqa: ANN401
        self.message = Label(zh, en)
        self.allowed = tuple(allowed)
        self.members = members
        super().__init__(en)

    @property
    def kind(self) -> str:
        """A stable word for programs, e.g. `unknown-name`."""
        return "".join("-" + c.lower() if c.isupper() else c for c in type(self).__name__).lstrip("-")

    def sentence(self, language: Language) -> str:
        """Return the message with what is allowed, in one line."""
        if not self.allowed:
            return self.message.in_(language)
        most = 30
        names = ", ".join(self.allowed[:most]) + (", …" if len(self.allowed) > most else "")
        return self.message.in_(language) + (f"可用的有：{names}" if language == "zh" else f" Allowed: {names}")


class UsageError(GisError):
    """The request contradicts itself or is not understood."""

    status, exit_code, title = 400, 2, Label("请求有误", "Bad request")


class FilterError(UsageError):
    """A filter that does not parse, or names what is not there."""

    title = Label("筛选条件有误", "Bad filter")


class UnknownName(UsageError):
    """Something was named that is not there."""

    status, exit_code, title = 404, 3, Label("没有找到", "Not found")

    def __init__(self, what: Label, name: str, allowed: Iterable[str] = ()) -> None:
        allowed = tuple(allowed)
        near = difflib.get_close_matches(name, allowed, n=1)
        hint = (f"是否指“{near[0]}”？", f" Did you mean {near[0]!r}?") if near else ("", "")
        super().__init__(
            f"没有名为“{name}”的{what.zh}。{hint[0]}",
            f"There is no {what.en} {name!r}.{hint[1]}",
            allowed=allowed,
            name=name,
        )


class UnknownValue(UsageError):
    """A parameter has a value that is not among the allowed ones."""

    title = Label("参数值有误", "Bad value")

    def __init__(self, parameter: str, value: str, allowed: Iterable[str] = ()) -> None:
        super().__init__(
            f"参数 {parameter} 的值“{value}”无效。",
            f"{value!r} is no valid value of {parameter}.",
            allowed=allowed,
            parameter=parameter,
        )


class OutOfOrder(UsageError):
    """A change would hold from before the version that it follows."""

    status, title = 409, Label("时间次序有误", "Out of order")


class AlreadyThere(UsageError):
    """A record of this code is there."""

    status, title = 409, Label("已经存在", "Already there")


class ChangedSince(UsageError):
    """Somebody has changed the same since the version that was read."""

    status, title = 409, Label("已被他人修改", "Changed since")


class NotNow(UsageError):
    """The state of a hazard, or of a change, does not allow this step."""

    status, title = 409, Label("当前不可办理", "Not now")


class StaleVersion(UsageError):
    """The version asked for by If-Match is no longer the present one."""

    status, title = 412, Label("版本已过时", "Stale version")


class BadRecord(UsageError):
    """A record breaks rules of its layer; `errors` names field, value and rule of each."""

    status, exit_code, title = 422, 4, Label("记录不符合规则", "The record breaks a rule")

    @classmethod
    def of(cls, faults: Iterable[Fault], allowed: Iterable[str] = ()) -> BadRecord:
        """Return the error that says all faults of a record."""
        faults = tuple(faults)
        zh = "；".join(f"{fault.field}：{fault.rule.zh.rstrip('？')}" for fault in faults)
        en = "; ".join(f"{fault.field}: {fault.rule.en.rstrip('?')}" for fault in faults)
        return cls(f"{zh}。", f"{en}.", allowed=allowed, errors=[fault._asdict() for fault in faults])


class TooLarge(UsageError):
    """A file is larger than allowed."""

    status, exit_code, title = 413, 4, Label("文件过大", "Too large")


class WrongType(UsageError):
    """A file of a type that is not taken, or a body of another type than expected."""

    status, exit_code, title = 415, 4, Label("类型不支持", "Type not taken")


class NotSignedIn(GisError):
    """Nobody is signed in, or the name, password or token is wrong."""

    status, exit_code, title = 401, 6, Label("请先登录", "Sign in first")


class TooManyTries(NotSignedIn):
    """Too many failures to sign in."""

    status, title = 429, Label("尝试次数过多", "Too many tries")


class Forbidden(GisError):
    """She who is signed in may not do this, or not here."""

    status, exit_code, title = 403, 6, Label("没有权限", "Not allowed")


class SourceError(GisError):
    """A file cannot be taken. Nothing has been written."""

    status, exit_code, title = 422, 4, Label("文件无法导入", "The file cannot be imported")


class UnreadableSource(SourceError):
    """A file that cannot be opened or read."""


class CrsError(SourceError):
    """A file without a CRS, or a CRS that is unknown."""


class GeometryTypeError(SourceError):
    """A file whose geometry type does not fit the layer."""


class FieldError(SourceError):
    """A column that is not there, or that is mapped twice."""


class TargetError(GisError):
    """A file cannot be written."""

    status, exit_code, title = 422, 4, Label("文件无法写出", "The file cannot be written")


class DatabaseError(GisError):
    """The database cannot be reached, or is not ready."""

    status, exit_code, title = 503, 5, Label("数据库不可用", "The database is not available")


class ClusterError(DatabaseError):
    """The embedded database cannot be started."""


class NotUpgraded(DatabaseError):
    """The tables are of another version of the program."""

    title = Label("数据库需要升级", "The database needs an upgrade")


class StoreError(GisError):
    """The store of the attachments cannot be reached, or lacks what it should hold."""

    status, exit_code, title = 503, 5, Label("附件存储不可用", "The store of attachments is not available")
