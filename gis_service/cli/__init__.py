"""The command line: `gis --help`. The same verbs as the service, over the same functions.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 something named is not there; 4 a file cannot be taken or written, or
rows of it were refused; 5 the database is not available.
"""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

import typer
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from gis_service.cli import database, files, questions, service
from gis_service.cli.shared import language
from gis_service.errors import DatabaseError, GisError

app = typer.Typer(
    help="城区建设空间管理 · Spatial management for a construction bureau.",
    epilog="Exit codes: 0 done; 1 failed; 2 wrong usage; 3 not found; 4 a file or rows of it refused; 5 database.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(database.app, name="db", help="数据库 · The database: start, stop, status, upgrade, revision.")
app.add_typer(files.sample_app, name="sample", help="示例区 · The sample district.")
for commands in (service.app, files.app, questions.app):
    app.registered_commands += commands.registered_commands

log = logging.getLogger(__name__)


def main() -> None:
    """Run the command; what goes wrong for a user is one clear line and an exit code."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        app()
    except GisError as error:
        _fail(error)
    except DBAPIError as error:
        log.debug("the database failed", exc_info=error)
        _fail(DatabaseError("数据库操作失败，请检查数据库日志。", "The database failed; see its log."))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(error: GisError) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"gis: {error.sentence(language())}")
    sys.exit(error.exit_code)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """End as if the program had finished, so that the embedded database is left in order."""
    sys.exit(143)
