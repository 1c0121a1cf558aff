"""What a test puts into a process: Python imports this first where its folder is on the path."""

import os

if "PROBE_FOLDER" in os.environ:
    import probe  # noqa: F401
if "CLOCK_AHEAD_SECONDS" in os.environ:
    import wrong_clock  # noqa: F401
