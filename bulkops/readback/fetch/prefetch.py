"""Run work in a thread beside the caller: prepare the next item, or process a copy of each block."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Queue
from typing import TypeVar

T = TypeVar("T")
WAITING = 64


def prefetch(items: Iterable[T]) -> Iterator[T]:
    """Yield the items, and compute the next one in a thread; an error is raised in place of its item."""
    source = iter(items)
    end = object()
    with ThreadPoolExecutor(max_workers=1) as thread:
        pending = thread.submit(next, source, end)
        while (item := pending.result()) is not end:
            pending = thread.submit(next, source, end)
            yield item  # type: ignore[misc] # it is not `end`


@contextmanager
def tee_to_thread(process: Callable[[Iterator[bytes]], object]) -> Iterator[Callable[[bytes], None]]:
    """Yield a function that passes blocks to `process`, which runs in a thread until the context ends.

    The end of the context waits for `process` and raises its error, unless the context itself failed.
    """
    queue: Queue[bytes | None] = Queue(WAITING)

    def work() -> None:
        blocks = iter(queue.get, None)
        try:
            process(blocks)
        finally:
            # Empty the queue after an error: otherwise the caller waits forever for a free place in it.
            for _ in blocks:
                pass

    with ThreadPoolExecutor(max_workers=1) as thread:
        running = thread.submit(work)
        try:
            yield queue.put
        finally:
            queue.put(None)
        running.result()
