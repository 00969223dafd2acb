"""The few hot reads, answered in the event loop: what FastAPI was told of a route is worked out once, at the start.

FastAPI walks through all routers for each request, through a route's dependencies as often as they are named, and
changes threads for each that is `def`: more of a small request than PostgreSQL takes. Here the same functions are
called in the same order with the same values; the routes are declared, documented and tested as ever.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import orjson
from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response, StreamingResponse
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gis_service.database.waiting import NotHere, in_loop, run_in_loop

_ANSWER = "gis.answer"
_THREADS = 40  # for what is not answered in the loop; as many as FastAPI has
_PLACE = "x"
"""What stands for a parameter of a path where two paths are compared."""


Found = TypeVar("Found")


async def in_thread(call: Callable[..., Found], *given: Any, **named: Any) -> Found:  # noqa: ANN401 - what it takes
    """Call what takes its time in a thread; or here, where this is one already, or waits without holding up others."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call(*given, **named)
    return call(*given, **named) if in_loop() else await run_in_threadpool(call, *given, **named)


class Direct:
    """Answers GET of some routes of a service before its other middlewares see it; every other request is passed on.

    `endpoints` are functions that are declared as routes of `service` already, each `def`, and none with a body.
    `packing` is the middleware that packs answers; what a route refuses, the service's own handlers tell.
    """

    def __init__(
        self,
        app: ASGIApp,
        service: FastAPI,
        endpoints: Iterable[Callable[..., Any]],
        packing: Callable[[ASGIApp], ASGIApp],
    ) -> None:
        routes = list(iter_route_contexts(service.routes))
        self._app = app
        self._ways = tuple(_way(routes, endpoint) for endpoint in endpoints)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="direct")
        self._told = packing(ExceptionMiddleware(_tell, service.exception_handlers))

    def way(self, scope: Scope) -> tuple[_Way, dict[str, str]] | None:
        """Return the route that a request is for, and the parameters in its path; None where it is none of these."""
        if scope["type"] == "http" and scope["method"] == "GET" and not scope.get("root_path"):
            for way in self._ways:
                if (given := way.given(scope["path"])) is not None:
                    return way, given
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if (found := self.way(scope)) is None:
            await self._app(scope, receive, send)
            return
        way, given = found
        scope.update(route=way.route, endpoint=way.steps[-1].call, path_params=given)
        try:
            request = Request(scope, receive)
            answer: Response | Exception = await self._answer(way, request)
        except Exception as error:  # noqa: BLE001 - it goes on to the service's handlers
            answer = error
        packs = "gzip" in request.headers.get("accept-encoding", "")
        if isinstance(answer, Response) and not isinstance(answer, StreamingResponse) and not packs:
            answer.headers.add_vary_header("Accept-Encoding")
            await answer(scope, receive, send)
        else:
            scope[_ANSWER] = answer
            await self._told(scope, receive, send)

    async def _answer(self, way: _Way, request: Request) -> Response:
        """Answer in the loop what waits for the database only; and anew in a thread what turns out to take more."""
        try:
            return await run_in_loop(way.answer, request)
        except NotHere:
            return await asyncio.get_running_loop().run_in_executor(self._threads, way.answer, request)


async def _tell(scope: Scope, receive: Receive, send: Send) -> None:
    answer: Response | Exception = scope[_ANSWER]
    if isinstance(answer, Exception):
        raise answer
    await answer(scope, receive, send)


class _Step:
    """One function to call, as FastAPI was told of it: a dependency, or in the end the route itself."""

    def __init__(self, said: Dependant) -> None:
        assert said.call
        assert not [*said.body_params, *said.header_params, *said.cookie_params], said.call
        self.call = said.call
        self.needs = tuple((inner.name, inner.call) for inner in said.dependencies if inner.call)
        """What is called before: the name of the argument that takes its value, if any."""
        self._request = said.request_param_name
        self._yields = inspect.isgeneratorfunction(said.call)
        self._of_path, self._of_query = said.path_params, [(field.alias, field) for field in said.query_params]
        self._defaults = {f.name: f.default for f in said.query_params if not f.field_info.is_required()}
        self._read = lru_cache(maxsize=1024)(self._read_anew)

    def given(self, request: Request) -> tuple[dict[str, Any], Sequence[Any]]:
        """Return what the address says for the arguments, and what is wrong with it."""
        values: dict[str, Any] = self._defaults | ({self._request: request} if self._request else {})
        if not self._of_path and not self._of_query:
            return values, ()
        query = request.query_params
        asked = tuple((name, query.get(name)) for name, f in self._of_query if name in query or f.name not in values)
        if not self._of_path and not asked:
            return values, ()
        found, faults = self._read(tuple(request.path_params[field.alias] for field in self._of_path), asked)
        return values | found, faults

    def _read_anew(
        self, path: tuple[str, ...], query: tuple[tuple[str, str | None], ...]
    ) -> tuple[dict[str, Any], Sequence[Any]]:
        """Return what parameters of the path and of the query say, and what is wrong with them, as FastAPI has it."""
        fields = {field.alias: field for field in self._of_path}
        values, faults = request_params_to_args(self._of_path, dict(zip(fields, path, strict=True)))
        asked = [field for name, field in self._of_query if name in dict(query)]
        found, others = request_params_to_args(asked, QueryParams([(name, it) for name, it in query if it is not None]))
        return values | found, [*faults, *others]

    def called(self, values: dict[str, Any], stack: ExitStack) -> Any:  # noqa: ANN401 - whatever it returns
        """Return what the function returns or yields, or what it does as a coroutine that waits for nothing."""
        if self._yields:
            return stack.enter_context(contextmanager(self.call)(**values))
        found = self.call(**values)
        return _at_once(found) if inspect.iscoroutine(found) else found


@dataclass(frozen=True)
class _Way:
    """One route: its path, the paths that go before it, and what is called, the route itself last."""

    route: Any
    path: Any
    before: tuple[Any, ...]
    steps: tuple[_Step, ...]

    def given(self, path: str) -> dict[str, str] | None:
        """Return the parameters in a path; None where it is not this route's."""
        found = self.path.match(path)
        if not found or any(other.match(path) for other in self.before):
            return None
        values: dict[str, str] = found.groupdict()
        return values

    def answer(self, request: Request) -> Response:
        """Call everything, in this thread.

        As FastAPI does: what needs something that was wrongly asked for is not called, everything else is.
        """
        known: dict[Callable[..., Any], Any] = {}
        faults: list[Any] = []
        with ExitStack() as stack:
            for step in self.steps:
                values, wrong = step.given(request)
                faults += wrong
                if wrong or (faults and step is self.steps[-1]) or any(call not in known for _, call in step.needs):
                    continue
                values |= {name: known[call] for name, call in step.needs if name}
                known[step.call] = step.called(values, stack)
            if faults:
                raise RequestValidationError(faults)
        found = known[self.steps[-1].call]
        return found if isinstance(found, Response) else Response(orjson.dumps(found), media_type="application/json")


def _way(routes: list[RouteContext], endpoint: Callable[..., Any]) -> _Way:
    at = next(at for at, route in enumerate(routes) if route.endpoint is endpoint)
    found: Any = routes[at]
    steps: dict[Callable[..., Any], _Step] = {}
    _collect(found.dependant, steps)
    before = tuple(r.path_regex for r in routes[:at] if "GET" in (r.methods or ()) and _meet(r, found))
    return _Way(found.original_route, found.path_regex, before, tuple(steps.values()))


def _collect(said: Dependant, steps: dict[Callable[..., Any], _Step]) -> None:
    """Put what is called in the order in which FastAPI calls it, each once."""
    for inner in said.dependencies:
        assert inner.call
        if inner.call not in steps:
            _collect(inner, steps)
    assert said.call
    steps[said.call] = _Step(said)


def _meet(one: Any, other: Any) -> bool:  # noqa: ANN401 - FastAPI's own
    """Say whether a path may be that of both routes."""
    return any(
        there.path_regex.match(here.path_format.format_map(_Filled())) for here, there in ((one, other), (other, one))
    )


class _Filled(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return _PLACE


def _at_once(running: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - whatever it returns
    try:
        running.send(None)
    except StopIteration as done:
        return done.value
    running.close()
    raise RuntimeError(f"{running} waits for something")
