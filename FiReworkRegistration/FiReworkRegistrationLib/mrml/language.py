"""Texts in the user's language, where Slicer is there to know it."""

from ..engine.texts import Text, message_of


def say(text):
    """What the user reads; to be called on the main thread, as Qt's dictionaries are asked.

    :param text: from ``_()`` of the engine or the bridge, or an exception raised with such a text; a plain string
        stays as it is.
    """
    if isinstance(text, BaseException):
        text = message_of(text)
    if not isinstance(text, Text):
        return text
    try:
        from slicer.i18n import translate
    except ImportError:  # MRML without the application
        return str(text)
    return text.translated(translate)
