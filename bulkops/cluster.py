"""Connect to a dask cluster, check that its workers can do the work, and run pure functions there.

Only this module knows dask, which is loaded when a cluster is used.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bulkops.errors import InputUnreadable, Unfinished, Unreachable, UsageError
from bulkops.version import __version__

if TYPE_CHECKING:
    from distributed import Client, Future

    DaskClient = Client
    RemoteResult = Future[Any]
    """The future result of a function that runs on a worker."""
else:
    DaskClient = Any  # annotations must be readable without dask

_ADDRESS = re.compile(r"[a-z]+://[^\s/]+")
_CONNECT_SECONDS = 10
_POLL_SECONDS = 2.0
_NO_WORKER_SECONDS = 60.0
"""How long to wait for a new worker after the last one is gone."""
_INSTALL = "Install the same version on the scheduler and on all workers: pip install 'bulkops[dask]'"
_VERSION = (version, "bulkops")
"""A call that also a process without bulkops can make."""


class Cluster:
    """A cluster with at least one worker of the same version of bulkops."""

    def __init__(self, client: "DaskClient") -> None:
        # dask has no types of its own.
        self._client: Any = client
        self._futures: dict[object, RemoteResult] = {}
        self.threads = _threads(client)
        _require_version(client)

    def submit(
        self, name: str, function: Callable[..., object], *arguments: object, first: bool = False
    ) -> "RemoteResult":
        """Return the future result of a pure function; futures among the arguments are replaced by their results.

        dask shows the name, and expects work of one name to take equally long. `first`: run it before all that waits.
        """
        key, priority = f"{name}-{uuid4().hex}", 1 if first else 0
        future: RemoteResult = self._client.submit(_run, function, *arguments, key=key, priority=priority)
        self._futures[future.key] = future
        return future

    def release(self, *futures: "RemoteResult") -> None:
        """Give up futures: the cluster drops the work and the results that nothing else needs."""
        for future in futures:
            if self._futures.pop(future.key, None) is not None:
                # `Client.cancel` fails where other work depends on a future that was given up before.
                given_up: Any = future
                given_up.release()

    def result(self, future: "RemoteResult", what: str) -> Any:
        """Return a result; `what` names the work in messages.

        Unfinished if the cluster is lost. An error of the function itself is raised as it is.
        """
        from distributed import CancelledError, KilledWorker

        alone_since: float | None = None
        while True:
            try:
                return future.result(timeout=_POLL_SECONDS)
            except KilledWorker as error:
                raise Unfinished(
                    f"{what}: {error.allowed_failures + 1} workers ended during the same work.",
                    hint="The logs of the workers show why; memory may be missing. Then run the command again.",
                ) from None
            except (CancelledError, OSError) as error:
                if future.status == "error":
                    raise
                if not isinstance(error, TimeoutError) or self._client.status != "running":
                    raise _lost(what) from None
                alone_since = self._alone_since(alone_since, what)

    def cancel(self) -> None:
        """Give up all that was submitted."""
        self.release(*list(self._futures.values()))

    def _alone_since(self, since: float | None, what: str) -> float | None:
        """Return since when there is no worker, None if there is one; Unfinished if none came back for a while."""
        try:
            if self._client.nthreads():
                return None
        except OSError:
            raise _lost(what) from None
        since = time.monotonic() if since is None else since
        if time.monotonic() - since > _NO_WORKER_SECONDS:
            raise Unfinished(
                f"{what}: the cluster has had no worker for {_NO_WORKER_SECONDS:.0f} seconds.",
                hint="Start workers, and run the command again.",
            )
        return since


def _lost(what: str) -> Unfinished:
    return Unfinished(
        f"{what}: the connection to the cluster was lost.", hint="Check the scheduler, and run the command again."
    )


def _run(function: Callable[..., object], *arguments: object) -> object:
    """Run a function on a worker; an error about a file names the worker."""
    try:
        return function(*arguments)
    except InputUnreadable as error:
        from distributed import get_worker

        hint = error.hint or "Name a file that all workers can read under the same path."
        raise InputUnreadable(f"The worker {get_worker().address} reports: {error.message}", hint=hint) from None


@contextmanager
def opened_cluster(cluster: "str | DaskClient") -> Iterator[Cluster]:
    """Yield the cluster at an address or of a client; when the context ends, all unfinished work is cancelled.

    UsageError if dask or the same version of bulkops is missing somewhere; Unreachable if no worker can be used.
    """
    client: Any = _connected(cluster) if isinstance(cluster, str) else cluster
    try:
        opened = Cluster(client)
        try:
            yield opened
        finally:
            opened.cancel()
    finally:
        if isinstance(cluster, str):
            client.close()


def _connected(address: str) -> Any:
    if not _ADDRESS.fullmatch(address):
        raise UsageError(f"{address!r} is not the address of a cluster.", hint="Write it as tcp://HOST:PORT.")
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError("A cluster needs the extra `dask`.", hint="Run: pip install 'bulkops[dask]'") from error
    # dask reports each lost connection in logs of its own, which have their own levels; the command prints one message.
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        connect: Any = Client
        return connect(address, timeout=_CONNECT_SECONDS, set_as_default=False, name="bulkops")
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise Unreachable(
            f"No dask scheduler responds at {address}.", hint="Check the address, and start one with `dask scheduler`."
        ) from error


def _threads(client: Any) -> int:
    threads: Mapping[str, int] = client.nthreads()
    if not threads:
        raise Unreachable(
            "The cluster has no worker.", hint="Start one with `dask worker ADDRESS`, and run the command again."
        )
    return sum(threads.values())


def _require_version(client: Any) -> None:
    """Raise UsageError if a worker or the scheduler, which loads the functions too, has another version of bulkops."""
    found = {f"worker {address}": known for address, known in client.run(*_VERSION, on_error="return").items()}
    try:
        found["scheduler"] = client.run_on_scheduler(*_VERSION)
    except PackageNotFoundError as error:
        found["scheduler"] = error
    for name, known in sorted(found.items()):
        if isinstance(known, OSError):
            continue  # this worker has just ended; each task checks the versions again
        if isinstance(known, Exception):
            raise UsageError(f"The {name} of the cluster cannot load bulkops.", hint=_INSTALL)
        if known != __version__:
            raise UsageError(f"The {name} of the cluster has bulkops {known}; this is {__version__}.", hint=_INSTALL)
