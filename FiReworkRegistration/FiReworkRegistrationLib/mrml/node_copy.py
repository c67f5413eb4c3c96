"""Nodes outside of the scene that keep what others hold."""


def copyOf(node):
    """A node of the same class and content, without references, in no scene; it shares what is in the node."""
    copy = node.CreateNodeInstance()
    if copy.GetReferenceCount() > 1:
        # One is left to the caller, and Python does not know of it: the copy would never be freed.
        copy.UnRegister(None)
    copy.CopyContent(node, False)
    return copy
