"""What a process asks of the system, in one of its own."""

from __future__ import annotations

import subprocess
import sys

_ASKS = """
import resource
from huimeng.infra.processes import open_more_files
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 900))
first = open_more_files()
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
print(first, open_more_files(), resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_a_process_opens_as_many_files_as_it_may() -> None:
    told = subprocess.run([sys.executable, "-c", _ASKS], capture_output=True, text=True, check=True).stdout
    assert told == "900 100 (100, 100)\n"
