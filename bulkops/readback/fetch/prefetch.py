"""Work beside work: the next item is made in a thread while the last one is used, or each one is looked at there."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Queue
from typing import TypeVar

T = TypeVar("T")
WAITING = 64


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield the items; errors come where their item would have come."""
    source = iter(items)
    end = object()
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, source, end)
            yield item  # type: ignore[misc] # it is not the end


@contextmanager
def looked_at(look: Callable[[Iterator[bytes]], object]) -> Iterator[Callable[[bytes], None]]:
    """Yield where to put blocks that `look` goes through in a thread; it has seen all of them when the block ends.

    What `look` raises is raised at the end, unless the block itself failed.
    """
    queue: Queue[bytes | None] = Queue(WAITING)

    def work() -> None:
        blocks = iter(queue.get, None)
        try:
            look(blocks)
        finally:
            for _ in blocks:  # whoever puts blocks in must not wait for room for ever
                pass

    with ThreadPoolExecutor(max_workers=1) as thread:
        running = thread.submit(work)
        try:
            yield queue.put
        finally:
            queue.put(None)
        running.result()
