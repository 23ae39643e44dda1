"""A ledger and a sandbox to import into from inside a test, by the same steps as the command line takes."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import plan_file
from bulkops.clock import Clock, SystemClock
from bulkops.ledger.job_documents import job_document
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.store import Ledger
from bulkops.settings import Secret, Target
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import NoLimiter
from bulkops.upload.context import JobContext
from bulkops.upload.guards import TargetDifference
from bulkops.upload.options import MAX_REMOVALS, RunOptions
from bulkops.upload.start import new_job, open_job
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import Guards, begin, prepare_resume, run_job
from bulkops_validators import CONTRACTS

SETTLE = 0.3
RESPONSE_TIMEOUT = 1.0


@dataclass
class Desk:
    """Begins and resumes jobs of one ledger, in this process.

    `difference` is the difference of the last replacing import to its target; `notes` are the messages of the client.
    """

    folder: Path
    base_url: str
    settle: float = SETTLE
    response_timeout: float = RESPONSE_TIMEOUT
    clock: Clock = field(default_factory=SystemClock)
    key: str = "desk"
    difference: TargetDifference | None = None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger.open(str(self.folder / "ledger.db"), clock=self.clock)

    def target(self, ids: Mapping[str, int]) -> Target:
        return Target(base_url=self.base_url, ids=ids, authorization=Secret(f"ManagementKey-v1 {self.key}"))

    @contextmanager
    def opened(self, job: JobEntry, target: Target) -> Iterator[JobContext]:
        with ApiClient(target, clock=self.clock, limiter=NoLimiter(), notify=self.notes.append) as client:
            yield open_job(job, target, client=client, ledger=self.ledger, clock=self.clock)

    def begin(
        self,
        contract: str,
        file: Path,
        ids: Mapping[str, int],
        *,
        max_rows: int = 10,
        options: Mapping[str, str] | None = None,
        guards: Guards | None = None,
        max_removals: str = MAX_REMOVALS,
        **run: Any,
    ) -> JobEntry:
        """Write a job to the ledger; nothing is sent."""
        found = CONTRACTS[contract]
        plan = plan_file(file, chunk_limits(found, max_rows=max_rows), names=found.sent_names(options or {}))
        target = self.target(ids)
        job = new_job(
            found,
            plan,
            target,
            options=options or {},
            run=RunOptions(**{"settle": self.settle, "response_timeout": self.response_timeout, **run}),
            max_removals=max_removals,
            now=self.clock.now(),
        )
        with self.opened(job, target) as context:
            self.difference = begin(job, found, plan, context=context, guards=guards or Guards(), dry_run=False)
        return job

    def resume(
        self, job: JobEntry, *, target: Target | None = None, stop: Stop | None = None, begun: bool = False
    ) -> dict[str, Any]:
        """Run a job as far as it goes and return its document."""
        with ExitStack() as stack:
            job = prepare_resume(self.ledger.job(job.id), self.ledger, changes={})
            context = stack.enter_context(self.opened(job, target or self.target(job.target["ids"])))
            run_job(context, stop=stop or Stop(), begun=begun)
        return self.document(job)

    def run(self, contract: str, file: Path, ids: Mapping[str, int], **choices: Any) -> dict[str, Any]:
        """Begin a job and run it."""
        return self.resume(self.begin(contract, file, ids, **choices), begun=True)

    def document(self, job: JobEntry) -> dict[str, Any]:
        return dict(job_document(self.ledger.job(job.id), self.ledger.chunks(job.id)))

    def chunks(self, job: str) -> list[ChunkEntry]:
        return self.ledger.chunks(job)
