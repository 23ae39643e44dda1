"""A process ends at once, yet leaves nothing undone."""

import subprocess
import sys

LATER = "import atexit; atexit.register(print, 'registered'); print('said', end=' ')"
WORKING = """
import threading, time
def work():
    time.sleep(0.2)
    print('worked')
threading.Thread(target=work).start()
"""


def ended(code: str, exit_code: int) -> str:
    code = f"from bulkops.cli.process.processors import leave\n{code}\nleave({exit_code})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (exit_code, "")
    return done.stdout


def test_printed_text_and_exit_handlers_survive_the_fast_exit() -> None:
    assert ended(LATER, 3) == "said registered\n"


def test_a_running_thread_ends_before_the_process() -> None:
    assert ended(WORKING, 4) == "worked\n"


def test_a_traced_process_ends_without_the_fast_exit() -> None:
    assert ended("import sys; sys.settrace(lambda *_: None)", 5) == ""
