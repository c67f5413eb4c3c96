"""Files that are there whole or not at all, whenever a process is killed."""

import secrets
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def in_one_move(path):
    """A path to write to instead of ``path``, which it replaces when the block has come to its end."""
    path = Path(path)
    # Of its own for every process: jobs of a cluster begin in one folder at one moment.
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
