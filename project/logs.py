"""What is left out of the log."""

import logging


def without_traceback(record: logging.LogRecord) -> bool:
    """A filter for what strangers can cause at will: the line is kept, the traceback is not."""
    record.exc_info = None
    return True
