"""Sessions of users: their creation and their end."""

from starlette.responses import Response

from bulkops.sandbox.access import close_session, open_session
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.resource import Operation, Resource
from bulkops.sandbox.responses import json_response


def log_in(call: Call) -> Response:
    """Respond to `createSession`."""
    return json_response(open_session(call.state, call.body, call.service.key), 201)


def log_out(call: Call) -> Response:
    """Respond to `destroySession`."""
    close_session(call.state, call.credential)
    return Response(status_code=204)


RESOURCE = Resource(
    actions=(
        Operation("createSession", "/v1/sessions", log_in, method="POST", public=True),
        Operation("destroySession", "/v1/sessions", log_out, method="DELETE"),
    ),
)
