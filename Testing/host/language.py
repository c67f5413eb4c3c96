"""``slicer.i18n``: texts are looked up under the name of the file that they stand in."""

import re
import sys
import types
from pathlib import Path

import slicer


def translate(context, text):
    if type(context) is not str or not isinstance(text, str):
        raise TypeError(f"translate takes two strings, got {context!r} and {text!r}")
    return slicer.app.translate(context, text)


def tr(text):
    """A translation that lost a name in braces is not taken."""
    found = translate(context_of(sys._getframe(1).f_code.co_filename), text)
    return found if _braced(found) == _braced(text) else text


def context_of(file):
    """As Slicer's extraction tool names it: package folder, where it is one, and file."""
    path = Path(file)
    return f"{path.parent.name}.{path.stem}" if (path.parent / "__init__.py").is_file() else path.stem


def _braced(text):
    return set(re.findall(r"(?<!\{)\{([^{}]+)\}(?!\})", text))


def make_module():
    module = types.ModuleType("slicer.i18n")
    module.tr, module.translate, module.getContext = tr, translate, context_of
    return module
