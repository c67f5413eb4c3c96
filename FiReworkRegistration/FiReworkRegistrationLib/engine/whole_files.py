"""Files that are there whole or not at all, whenever a process is killed."""

from contextlib import contextmanager
from pathlib import Path


@contextmanager
def in_one_move(path):
    """A path to write to instead of ``path``, which it replaces when the block has come to its end."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    yield part
    part.replace(path)
