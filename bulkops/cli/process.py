"""How the process of a command uses processors: set before the libraries that read it are loaded, and at its end."""

import gc
import os

_NEW_OBJECTS = 100_000
"""Objects made before a look for cycles among them: at the usual 700, loading is one look after another."""


def prepare() -> None:
    """Let a command start no threads it has no use for, and load what it needs without interruption.

    What the environment says is left alone.
    """
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    # Linear algebra, of which there is none here: numpy would start threads for it that spin beside the start-up.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def conclude() -> None:
    """Let what is left in memory go with the process: the interpreter would look through all of it for cycles."""
    gc.disable()
