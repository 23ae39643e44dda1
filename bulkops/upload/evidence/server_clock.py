"""Learn the server's clock before a request, because its rows may have to be found later."""

from bulkops.readback.fetch.rows import minimal_query
from bulkops.upload.context import JobContext


def learn_server_time(context: JobContext) -> None:
    """Ask the server for its time, unless it is known or a resend of the chunk is safe.

    This machine's clock may be set between the request and the read-back, so it cannot replace the server's.
    """
    client, readback = context.client, context.route.readback
    if context.contract.mode.resend_is_safe or readback is None:
        return
    if client.server_offset is None and not client.sends_no_date:
        params = minimal_query(readback, context.ids, context.job.options, now=context.clock.now())
        client.request_server_time(readback.path, context.ids, params)
