"""What routes need: the database, the reader's language, the day, a layer. Routes never catch.

What asks the database is `def`, which FastAPI runs in a thread; what only looks at the request is `async def`: ten ways
to a thread and back cost a request more than a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gis_service.access import User, who_acts
from gis_service.api.identity import caller, identity
from gis_service.database import Database, District
from gis_service.database.waiting import away_from_loop
from gis_service.duties import ANONYMOUS
from gis_service.errors import GisError, UnknownValue, UsageError
from gis_service.features import find_layer
from gis_service.settings import Settings
from gis_service.tiles import Cache
from layers import Language, Layer

_FEW = 1_000
"""Features that are passed on in a millisecond."""
LANGUAGES: tuple[Language, ...] = ("zh", "en")


async def settings(request: Request) -> Settings:
    """Return the service's settings."""
    found: Settings = request.app.state.settings
    return found


async def database(request: Request, name: Annotated[str, Depends(identity)]) -> Database:
    """Return the district's database for the user who asks: its policies hold her."""
    found: Database = request.app.state.database
    return found.acting(name)


async def as_of_given(
    as_of: Annotated[
        str | None,
        Query(
            description="A day (YYYY-MM-DD): the answer is of the records as they stood at its end, judged for it. "
            "By default of the records as they are, judged for the district's day.",
            examples=["2023-06-30"],
        ),
    ] = None,
) -> date | None:
    """Return the day that was asked for, if any."""
    return _day("as_of", as_of)


def _day(parameter: str, given: str | None) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError as error:
        raise UnknownValue(parameter, given or "", ["YYYY-MM-DD"]) from error


AsOfGiven = Annotated[date | None, Depends(as_of_given)]


def reading(
    request: Request, database: Annotated[Database, Depends(database)], as_of: AsOfGiven
) -> Iterator[Connection]:
    """Yield a read-only connection that sees one state for the whole request: of now, or of the day asked for."""
    with database.answering(as_of) as connection:
        request.state.connection = connection
        try:
            yield connection
        finally:
            request.state.connection = None


DatabaseDep = Annotated[Database, Depends(database)]
SettingsDep = Annotated[Settings, Depends(settings)]


def features_on_page(settings: Settings, limit: int | None) -> int:
    """Return how many features a page has at most; more than a few would hold up others, and are for a thread."""
    most = min(limit or settings.page_size, settings.page_limit)
    if most > _FEW:
        away_from_loop()
    return most


async def tile_cache(request: Request) -> Cache:
    """Return where tiles are kept."""
    found: Cache = request.app.state.tiles
    return found


TileCacheDep = Annotated[Cache, Depends(tile_cache)]
# given back when the route has returned, before its answer is sent: a slow reader holds no connection
ConnectionDep = Annotated[Connection, Depends(reading, scope="function")]


def writing(
    database: DatabaseDep,
    reason: Annotated[str, Query(description="Why; the history shows it.", examples=["桥梁定期检测"])] = "",
    valid_from: Annotated[
        str | None,
        Query(
            description="The day (YYYY-MM-DD) from which the change holds: by default the district's; an earlier one "
            "needs the duty to backdate, and is not before the version that it follows.",
            examples=["2023-10-20"],
        ),
    ] = None,
) -> Iterator[Connection]:
    """Yield a connection in one transaction that writes: kept as a whole when the route has returned, or not at all."""
    since = _day("valid_from", valid_from)
    with database.transaction(reason=reason, valid_from=since) as connection:
        if since:
            who_acts(connection).require("backdate")
            today = database.district(connection).today
            if since > today:
                raise UnknownValue("valid_from", str(since), [f"<= {today}"])
        yield connection


WritingDep = Annotated[Connection, Depends(writing, scope="function")]


def user(connection: ConnectionDep) -> User:
    """Return the user who asks."""
    return who_acts(connection)


UserDep = Annotated[User, Depends(user)]


def reader(request: Request) -> tuple[User | None, District | None]:
    """Return whom a page is drawn for and of which district, also that of an error; None where that cannot be said."""
    held: Connection | None = getattr(request.state, "connection", None)
    database: Database = request.app.state.database
    if held:  # one connection is all that a request takes: two would wait for each other where there are few
        return who_acts(held), database.district(held)
    with suppress(GisError, DBAPIError), database.acting(caller(request) or ANONYMOUS).answering() as connection:
        return who_acts(connection), database.district(connection)
    return None, None


def district(database: DatabaseDep, connection: ConnectionDep) -> District:
    """Return the district: name, clock, metric CRS."""
    return database.district(connection)


DistrictDep = Annotated[District, Depends(district)]


def chosen_language(request: Request) -> Language:
    """Return the reader's language: `lang`, else what she chose before, else what her client asks for.

    Pages are Chinese first, so only programs are asked by Accept-Language; where nothing is said the setting counts.
    """
    for given in (request.query_params.get("lang"), request.cookies.get("lang")):
        if given in LANGUAGES:
            return given
    accepted = request.headers.get("accept-language", "").lower()
    if accepted[:2] in LANGUAGES and _is_program(request):
        return "en" if accepted.startswith("en") else "zh"
    default: Language = request.app.state.settings.language
    return default


def _is_program(request: Request) -> bool:
    of_programs = request.scope["path"].startswith(("/api", "/ogc"))
    return of_programs and "text/html" not in request.headers.get("accept", "")


async def language(
    request: Request,
    lang: Annotated[str | None, Query(description="Language of the answer: zh or en.", examples=["en"])] = None,
) -> Language:
    """Return the reader's language, refusing one that is not spoken here."""
    if lang is not None and lang not in LANGUAGES:
        raise UnknownValue("lang", lang, LANGUAGES)
    return chosen_language(request)


LanguageDep = Annotated[Language, Depends(language)]


async def as_of(district: DistrictDep, given: AsOfGiven) -> date:
    """Return the day that everything derived is judged for."""
    return given or district.today


AsOfDep = Annotated[date, Depends(as_of)]


async def layer(
    layer: Annotated[str, Path(description="Name of a layer.", examples=["rivers"])],
) -> type[Layer]:
    """Return the layer named in the path."""
    return find_layer(layer)


def _whole(text: str) -> str:
    """Refuse half characters (lone surrogates), which JSON can spell and no text can hold."""
    text.encode()
    return text


Text = Annotated[str, AfterValidator(_whole)]
"""A text in the body of a request."""

LayerDep = Annotated[type[Layer], Depends(layer)]

AreaQuery = Annotated[
    str, Query(description="Code of an area: only what lies in it, or in areas inside it.", examples=["350104101"])
]
FilterQuery = Annotated[
    str, Query(description="CQL2 text on the layer's fields (see /api/layers).", examples=["status = '建成开放'"])
]


async def well_formed(request: Request) -> None:
    """Refuse an address with the character NUL, which no text of the database can hold, or with a parameter twice.

    Raises
    ------
    UsageError
        Where there is one.
    """
    if any("\0" in text for text in (request.scope["path"], *request.query_params.values())):
        raise UsageError("地址中不能有空字符。", "An address cannot hold the character NUL.")
    for name in request.query_params:
        if len(request.query_params.getlist(name)) > 1:
            raise UsageError(
                f"参数 {name} 给了不止一次；多个值请用逗号分隔。",
                f"The parameter {name!r} is given more than once; separate several values by commas.",
                parameter=name,
            )


async def known_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have: a typing error must not look like an answer.

    Raises
    ------
    UsageError
        With the parameters that there are.
    """
    allowed = parameters_of(request)
    for name in request.query_params:
        if name not in allowed:
            raise UsageError(f"没有名为“{name}”的参数。", f"There is no parameter {name!r}.", allowed=sorted(allowed))


def parameters_of(request: Request) -> set[str]:
    """Return the query parameters that the route has which was asked."""
    route: Any = request.scope["route"]
    return {p.alias for p in _query_parameters(route.dependant)}


def _query_parameters(dependant: Any) -> Iterator[Any]:  # noqa: ANN401 - FastAPI's own
    yield from dependant.query_params
    for inner in dependant.dependencies:
        yield from _query_parameters(inner)
