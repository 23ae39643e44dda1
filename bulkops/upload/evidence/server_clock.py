"""Learn the clock of the server, before a request whose rows may have to be found again."""

from bulkops.readback.fetch.rows import minimal_query
from bulkops.upload.context import JobContext


def learn_time(context: JobContext) -> None:
    """Ask the server for its time, unless it is known or a resend of the chunk is safe.

    Our own clock may be set between the request and the read-back, so it is no substitute.
    """
    client, readback = context.client, context.route.readback
    if context.contract.mode.resend_is_safe or readback is None:
        return
    if client.server_offset is None and not client.tells_no_time:
        params = minimal_query(readback, context.ids, context.job.options, now=context.clock.now())
        client.ask_time(readback.path, context.ids, params)
