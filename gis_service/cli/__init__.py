"""The command line: `gis --help`. The same verbs as the service, over the same functions.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 something named is not there; 4 a file cannot be taken or written, or
rows of it were refused; 5 the database is not available; 6 not signed in, or not allowed.
"""

from __future__ import annotations

import importlib
import logging
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any, ClassVar

import psycopg2
import typer
from sqlalchemy.exc import DBAPIError
from typer.core import TyperGroup

from gis_service.cli.shared import err, language
from gis_service.errors import DatabaseError, GisError

log = logging.getLogger(__name__)


class Commands(TyperGroup):
    """The commands by the module that holds them: one is imported when it is asked for, so that each starts soon."""

    modules: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("run", "serve"), "service"),
        **dict.fromkeys(("layers", "stats", "figures", "along", "risk", "dictionary"), "questions"),
        **dict.fromkeys(("import", "sample"), "imports"),
        **dict.fromkeys(("export", "map"), "exports"),
        **dict.fromkeys(("history", "restore", "changes", "undo"), "history"),
        "attachments": "attachments",
        "hazards": "ledger",
        "user": "users",
        "db": "database",
    }

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Click's own
        """Return the names of all commands."""
        return list(self.modules)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - Click's own
        """Return a command, or None where there is none of this name."""
        if cmd_name not in self.modules:
            return None
        module = importlib.import_module(f"gis_service.cli.{self.modules[cmd_name]}")
        group: Any = typer.main.get_group(module.app)
        return group.commands[cmd_name]


app = typer.Typer(
    cls=Commands,
    help="城区建设空间管理 · Spatial management for a construction bureau.",
    epilog="Exit codes: 0 done; 1 failed; 2 wrong usage; 3 not found; 4 a file or rows of it refused; 5 database; "
    "6 not allowed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _group() -> None:
    """Hold the commands."""


def main() -> None:
    """Run the command; what goes wrong for a user is one clear line and an exit code."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        app()
    except GisError as error:
        _fail(error)
    except (DBAPIError, psycopg2.Error) as error:  # COPY runs on the driver itself
        log.debug("the database failed", exc_info=error)
        reason = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
        _fail(DatabaseError(f"数据库操作失败：{reason}", f"The database failed: {reason}"))
    except BrokenPipeError:
        sys.exit(1)  # who reads has had enough
    except OSError as error:
        _fail(GisError(f"操作系统报错：{error}。", f"The operating system refused: {error}."))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(error: GisError) -> None:
    err.print(f"gis: {error.sentence(language())}", markup=False, soft_wrap=True)
    sys.exit(error.exit_code)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """End as if the program had finished, so that the embedded database is left in order."""
    sys.exit(143)
