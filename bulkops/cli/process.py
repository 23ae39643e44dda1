"""How the process of a command uses processors, set before the libraries that read it are loaded."""

import os


def prepare() -> None:
    """Let a command start no threads it has no use for; what the environment says is left alone."""
    # Linear algebra, of which there is none here: numpy would start threads for it that spin beside the start-up.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
