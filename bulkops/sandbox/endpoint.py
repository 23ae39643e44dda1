"""Handle a request to one endpoint: access, limit, faults, the work in a thread, the response."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine, MutableSequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from functools import partial
from typing import IO, Any, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bulkops.sandbox.access import RateLimit, authorise, too_many
from bulkops.sandbox.faults import Faults, Mishap
from bulkops.sandbox.import_engine import Importer, ImportFault, Run, run_import
from bulkops.sandbox.parameters import Parameters, checked, integer
from bulkops.sandbox.responses import CSV_MEDIA, ApiError, error_response, json_response
from bulkops.sandbox.state import SandboxState
from bulkops.sandbox.wire import Body, Content, drain, hang_up, truncating


class Logged(NamedTuple):
    """One request and the status of its response; status 0 means that the connection was cut."""

    time: float
    method: str
    template: str
    status: int


@dataclass
class Service:
    """The state that all endpoints of a sandbox share."""

    state: SandboxState
    key: str | None
    limit: RateLimit
    faults: Faults
    requests: MutableSequence[Logged] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work apart from any request; a stop of the server cancels it."""
        # The loop keeps weak references only, so a task that nothing else holds can vanish.
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@dataclass(frozen=True)
class Call:
    """One request, as a handler sees it."""

    service: Service
    path: dict[str, Any]
    query: QueryParams
    credential: str
    body: Any
    upload: IO[bytes] | None
    trouble: ImportFault

    @property
    def state(self) -> SandboxState:
        """The sandbox's state."""
        return self.service.state


Handler = Callable[[Call], Response]
Build = Callable[[Run], Importer]


class Cut(Exception):
    """The connection was cut, so no response can be sent."""


def importing(make: Callable[[Call], Build], status: int = 200) -> Handler:
    """Return the handler of an import; `make` checks the target and returns the builder of the importer."""

    def handle(call: Call) -> Response:
        build = make(call)
        if call.upload is None:
            raise ApiError(400, "The submitted data was invalid: the part `upFile` is missing")
        path = json.dumps(call.path)
        answer = run_import(call.state, build, call.upload, path=path, trouble=call.trouble)
        return json_response(answer, status)

    return handle


@dataclass(frozen=True)
class Endpoint:
    """An operation of the API.

    `plain_errors` are the statuses with the body `ErrorResponse`, `json_errors` those of an export that are
    declared as JSON. `parameters` are the declared query parameters, `texts` the path parameters that are not ids.
    """

    service: Service
    operation: str
    group: str
    method: str
    template: str
    handler: Handler
    plain_errors: frozenset[int] = frozenset()
    json_errors: frozenset[int] = frozenset()
    parameters: Parameters = field(default_factory=dict)
    texts: frozenset[str] = frozenset()
    public: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request; log it before the response leaves, so that the client finds it in the log."""
        request = Request(scope, receive)
        answered = False
        try:
            response, mishap = await self._answer(request)
            response.headers["date"] = format_datetime(self.service.state.now(), usegmt=True)
            if mishap.slow:
                await asyncio.sleep(mishap.slow)
            if mishap.truncate:
                send = truncating(scope, send)
            self._log(response.status_code)
            answered = True
            await response(scope, receive, send)
        except (Cut, ClientDisconnect):
            await hang_up(scope, receive)
        finally:
            if not answered:
                self._log(0)

    def _log(self, status: int) -> None:
        self.service.requests.append(Logged(self.service.state.moment(), self.method, self.template, status))

    async def _answer(self, request: Request) -> tuple[Response, Mishap]:
        mishap = Mishap()
        try:
            credential = await self._enter(request)
            mishap = self.service.faults.next(self.operation, self.group)
            return await self._work(request, credential, mishap), mishap
        except ApiError as refusal:
            return self._refusal(refusal), mishap

    async def _enter(self, request: Request) -> str:
        """Return the credential; read the body of a refused request first, so that the client sees the response."""
        try:
            header = request.headers.get("authorization")
            credential = "" if self.public else authorise(self.service.state, self.service.key, header)
            self.service.limit.check(f"{self.method} {self.template}", credential)
        except ApiError:
            await drain(request)
            raise
        return credential

    async def _work(self, request: Request, credential: str, mishap: Mishap) -> Response:
        if mishap.cut == "before":
            raise Cut
        if mishap.cut == "during":
            await drain(request, share=0.5)
            raise Cut
        if mishap.status and not mishap.committed and mishap.late is None:
            await drain(request)
            raise self._scripted(mishap)
        async with AsyncExitStack() as held:
            body = await held.enter_async_context(Body(request, self._content()))
            if mishap.cut == "after":
                raise Cut
            call = Call(
                service=self.service,
                path=self._ids(request),
                query=request.query_params,
                credential=credential,
                body=body.json,
                upload=body.upload,
                trouble=mishap.trouble,
            )
            if mishap.late is not None:
                self.service.start(self._work_late(call, mishap.late, held.pop_all()))
                raise self._scripted(mishap) if mishap.status else Cut
            response = await run_in_threadpool(partial(self._handle, call))
        if mishap.cut == "committed":
            raise Cut
        if mishap.status:
            raise self._scripted(mishap)
        return response

    async def _work_late(self, call: Call, wait: float, body: AsyncExitStack) -> None:
        """Do the work of a request after its response, or after the connection is gone; nobody sees a refusal."""
        async with body:
            await asyncio.sleep(wait)
            with contextlib.suppress(ApiError):
                await run_in_threadpool(partial(self._handle, call))

    def _content(self) -> Content:
        if self.group == "imports":
            return Content.FILE
        return Content.JSON if self.method in ("POST", "PUT") else Content.NONE

    def _ids(self, request: Request) -> dict[str, Any]:
        """Return the path parameters, ids as numbers; refuse an id that is not a whole number with 404."""
        try:
            return {name: text if name in self.texts else integer(text) for name, text in request.path_params.items()}
        except ValueError as problem:
            raise ApiError(404, f"Not found: {problem}") from problem

    def _handle(self, call: Call) -> Response:
        # A handler sees declared parameters only, so no other can have an effect, or a value that it cannot read.
        query = QueryParams(checked(self.parameters, call.query.multi_items()))
        return self.handler(replace(call, query=query))

    def _scripted(self, mishap: Mishap) -> ApiError:
        if mishap.status == 429:
            wait = mishap.retry_after or ""
            if wait == "date":
                return too_many(self.service.state, "date", 1)
            headers = {"retry-after": wait} if wait else {}
            return ApiError(429, "Too many requests", headers=headers)
        return ApiError(mishap.status or 500, "Something went wrong on our side, please try again later")

    def _refusal(self, refusal: ApiError) -> Response:
        declared = self.service.state.assumptions.error_media == "declared"
        as_csv = self.group == "exports" and declared and refusal.status not in self.json_errors
        media = CSV_MEDIA if as_csv else "application/json"
        return error_response(refusal, with_status=refusal.status not in self.plain_errors, media_type=media)
