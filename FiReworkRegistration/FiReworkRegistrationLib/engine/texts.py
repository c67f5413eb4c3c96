"""Texts for users: English here, said in another language by whoever shows them.

``_("Volume '{name}' is empty").format(name=name)`` is a ``str`` in English. It also remembers the sentence before
names and numbers entered it, because only that can be looked up in a dictionary, and the file that it stands in,
because Slicer's dictionaries are sorted by files. The engine knows no Slicer, works on other threads than Qt's, and
says what it has to say in progress messages and exceptions: so the looking up comes later, see ``mrml/language.py``.
"""

import sys
from pathlib import PurePath


class Text(str):
    """English text that can be translated later.

    :ivar context: where Slicer's dictionaries list it, such as "engine.inputs".
    :ivar template: the sentence as it stands in the source.
    :ivar values: what entered the template; may hold other texts.
    """

    context: str
    template: str
    values: dict
    is_lower: bool

    @classmethod
    def of(cls, english, context, template, values=None, is_lower=False):
        text = cls(english)
        text.context, text.template, text.values, text.is_lower = context, template, values or {}, is_lower
        return text

    def format(self, **values):
        return Text.of(str.format(self, **values), self.context, self.template, values, self.is_lower)

    def lower(self):
        return Text.of(str.lower(self), self.context, self.template, self.values, True)

    def translated(self, translate):
        """
        :param translate: ``translate(context, text)``, the text itself where it is not known.
        """
        values = {name: value.translated(translate) if isinstance(value, Text) else value
                  for name, value in self.values.items()}  # fmt: skip
        found = translate(self.context, self.template)
        try:
            said = found.format(**values) if values else found
        except (KeyError, IndexError, ValueError):
            # A translation that changed the names in braces must not hide what happened.
            said = str(self)
        return said.lower() if self.is_lower else said


def tr(text: str) -> Text:
    """Mark a literal for translation; imported as ``_``, the name that Slicer's tools look for."""
    path = PurePath(sys._getframe(1).f_code.co_filename)
    return Text.of(text, f"{path.parent.name}.{path.stem}", text)


def message_of(error: BaseException) -> str:
    """What an exception says, as a ``Text`` if it was raised with one."""
    first = error.args[0] if error.args else ""
    return first if isinstance(first, Text) else str(error)
