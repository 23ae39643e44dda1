"""Start and end the process of a command quickly."""

import atexit
import gc
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

_NEW_OBJECTS = 100_000
"""New objects between two garbage collections; with Python's default of 700, imports would spend time in them."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""The names of two settings of glibc's `mallopt`."""
_LARGEST_IN_HEAP, _KEPT = 32 << 20, 256 << 20
"""Maximum number of bytes of a piece of memory that is reused (glibc's own maximum), and of freed memory kept."""


def prepare() -> None:
    """Prevent unused threads and frequent garbage collections during the start.

    Variables that the environment sets already are kept.
    """
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    # numpy would start threads for linear algebra, which bulkops does not use; they slow down the start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # httpx loads a command line of its own, with rich and pygments, unless that cannot be imported.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None is how an import is made to fail


def keep_freed_memory() -> None:
    """Make the allocator of glibc keep freed memory for the next block of a file; elsewhere, change nothing.

    Otherwise each block uses new pages of the operating system, which take a tenth of the processor time of a
    validation.
    """
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_MMAP_THRESHOLD, _LARGEST_IN_HEAP)
        allocator.mallopt(_TRIM_THRESHOLD, _KEPT)


def leave(code: int) -> NoReturn:
    """Run the registered exit handlers and end the process with an exit code.

    This skips Python's slow clean-up of all modules. With a running thread, a debugger or a profiler the process ends
    in the ordinary way.
    """
    watched = sys.gettrace() or sys.getprofile()
    if watched or any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001 - the interpreter runs these just so
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a reader that went away, a stream that was closed
            stream.flush()
    os._exit(code)
