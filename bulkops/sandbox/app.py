"""The routes: every operation of every resource, and the responses to requests for anything else."""

import json
import re

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from bulkops.sandbox.endpoint import Endpoint, Service
from bulkops.sandbox.parameters import shortened
from bulkops.sandbox.resource import GROUPS, Group, Operation
from bulkops.sandbox.resources import RESOURCES
from bulkops.sandbox.responses import ApiError, error_response


class NoWord(StringConvertor):
    """A path parameter that is no word of the API: `cards/export` is the export, not a card."""

    regex = "(?!(?:no_total|export)$)[^/]+"


register_url_convertor("noword", NoWord())
TEXTS = {"loyaltyCardId": ":noword", "integrationId": ":path"}
"""The path parameters that are text, with their converter: an integration id may contain slashes."""
NUMBERS = {"couponId": ":noword", "referralId": ":noword"}
"""The ids that share their place in a path with a word, with their converter."""


def operations_of(group: Group) -> tuple[Operation, ...]:
    """Return the operations of one group, of all resources."""
    return tuple(each for resource in RESOURCES for each in resource.operations(group))


OPERATIONS = {group: operations_of(group) for group in GROUPS}
"""All operations by group."""

NAMES = frozenset(each.name for operations in OPERATIONS.values() for each in operations)
"""The names of all operations."""


def build_app(service: Service) -> Starlette:
    """Return the application of one sandbox."""
    routes = [_route(service, group, each) for group, operations in OPERATIONS.items() for each in operations]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _unrouted, 500: _broken})
    # A redirect to the path without its last slash is not a response of the API.
    app.router.redirect_slashes = False
    return app


def _route(service: Service, group: Group, operation: Operation) -> Route:
    endpoint = Endpoint(
        service=service,
        operation=operation.name,
        group=group,
        method=operation.method,
        template=operation.path,
        handler=operation.handler,
        plain_errors=frozenset(operation.plain_errors),
        json_errors=frozenset(operation.json_errors),
        parameters=operation.parameters,
        texts=frozenset(TEXTS),
        public=operation.public,
    )
    converters = TEXTS | NUMBERS
    path = re.sub(r"\{(\w+)\}", lambda found: "{" + found[1] + converters.get(found[1], "") + "}", operation.path)
    return Route(path, endpoint=endpoint, methods=[operation.method])


def _unrouted(request: Request, _problem: Exception) -> Response:
    """Respond to a path or a method that no operation has."""
    methods = _methods(request) - {request.method}
    if methods:
        allow = {"allow": ", ".join(sorted(methods))}
        return error_response(ApiError(405, "Method not allowed", headers=allow), with_status=True)
    message = f"Not found: {request.method} {shortened(request.scope['path'])}"
    return error_response(ApiError(404, message), with_status=True)


def _methods(request: Request) -> set[str]:
    """Return the methods of all operations with the path of a request."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = [route.methods or set() for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return set().union(*found)


def _broken(request: Request, problem: Exception) -> Response:
    """Respond to a failure of the sandbox itself."""
    message = f"The sandbox failed at {request.method} {request.scope['path']}: {problem!r}"
    return Response(json.dumps({"message": message}), status_code=500, media_type="application/json")
