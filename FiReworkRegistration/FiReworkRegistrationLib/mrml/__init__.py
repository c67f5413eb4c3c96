"""MRML nodes to engine values and back. Never imports qt; numpy and torch only inside functions."""
