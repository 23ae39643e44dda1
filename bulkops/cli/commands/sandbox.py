"""`bulkops sandbox`: serve a local deployment until a signal ends it."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from bulkops.cli.options.common import CountType, json_option
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.output.console import console
from bulkops.errors import UsageError

if TYPE_CHECKING:
    from bulkops.json_documents.catalogs import SandboxDocument

ITS_FILES = "the sandbox reads and writes files on this machine"


@click.command(name="sandbox")
@option(
    "--port", type=CountType(0, 65535), default=8642, show_default=True, help="Port to listen on; 0 chooses a free one."
)
@option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@own_option("--data", type=FilePath(local=ITS_FILES, dir_okay=False), help="SQLite file that stores the imported data.")
@own_option(
    "--key",
    help="The only accepted key; by default every valid header is accepted.  [env: BULKOPS_SANDBOX_KEY]",
)
@own_option(
    "--world",
    type=FilePath(local=ITS_FILES, dir_okay=False),
    help="JSON or YAML file with the data that exists at the start.",
)
@option("--faults", metavar="SPEC", help="Simulated faults, such as importCoupons@2=cut:after,reads@p0.1=503.")
@option("--assume", multiple=True, metavar="NAME=VALUE", help="Change an assumption; repeatable.")
@option(
    "--rate-limit",
    type=CountType(0),
    default=3,
    show_default=True,
    help="Requests per second for each endpoint; 0 means no limit.",
)
@json_option
def command(
    *,
    port: int,
    host: str,
    data: Path | None,
    key: str | None,
    world: Path | None,
    faults: str | None,
    assume: tuple[str, ...],
    rate_limit: int,
    as_json: bool,
) -> None:
    """Serve a local deployment that behaves as the API documentation describes.

    Prints its address on one line (with --json: url, port and key as JSON) and serves until Ctrl-C.
    docs/reference/sandbox.md describes worlds and faults, docs/reference/assumptions.md the assumptions.
    """
    try:
        from bulkops.sandbox.serve import SandboxServer
    except ImportError as problem:
        raise UsageError(
            f"The sandbox needs the package {problem.name}.", hint="pip install 'bulkops[sandbox]'"
        ) from problem
    server = SandboxServer(
        port=port,
        host=host,
        data=str(data) if data else None,
        key=key,
        world=str(world) if world else None,
        faults=faults,
        assumptions=assume,
        rate_limit=rate_limit,
    )
    with suppress(KeyboardInterrupt):  # a signal is how it ends, also before it serves
        if as_json:
            port = urlsplit(server.base_url).port or 0
            document: SandboxDocument = {"url": server.base_url, "port": port, "key": key}
            console().emit_json(document)
        else:
            console().result(server.base_url)
            if console().watched:
                console().note("Serving until Ctrl-C. In another terminal:")
                console().note(f"  bulkops import CONTRACT FILE --base-url {server.base_url}")
        server.serve()
