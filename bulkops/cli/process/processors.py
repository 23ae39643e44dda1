"""How the process of a command uses processors: set before the libraries that read it are loaded, and at its end."""

import atexit
import gc
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

_NEW_OBJECTS = 100_000
"""Objects made before a look for cycles among them: at the usual 700, loading is one look after another."""


def prepare() -> None:
    """Let a command start no threads it has no use for, and load what it needs without interruption.

    What the environment says is left alone.
    """
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    # Linear algebra, of which there is none here: numpy would start threads for it that spin beside the start-up.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # httpx loads a command line of its own, with rich and pygments, unless that cannot be imported.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None is how an import is made to fail


def leave(code: int) -> NoReturn:
    """End the process with an exit code, once all that is registered for its end was done.

    Python would then take a few hundred modules apart, object by object. Where a thread is still at work it is waited
    for, as ever, and a debugger or profiler sees the ordinary end.
    """
    watched = sys.gettrace() or sys.getprofile()
    if watched or any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001 - the interpreter runs these just so
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a reader that went away, a stream that was closed
            stream.flush()
    os._exit(code)
