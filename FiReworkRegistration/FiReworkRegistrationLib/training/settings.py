"""Settings of a training as they come from a file or a shell: of the right kind, or refused before any work."""

from dataclasses import fields

from ..engine.errors import RegistrationError


def check_kinds(config) -> None:
    """Every setting of the kind that its default is of: a whole number, a number, a word, yes or no, a list of numbers.

    :param config: an instance of a dataclass whose fields all have defaults.
    :raises RegistrationError: one that is not; its name and value are in the message.
    """
    for setting in fields(config):
        value, default = getattr(config, setting.name), _default(setting)
        if value is None and "None" in str(setting.type):
            continue
        kind = tuple if "tuple" in str(setting.type) else type(default)
        if not _is(value, kind):
            raise RegistrationError(f"{setting.name} is {_KINDS.get(kind, kind.__name__)}, got {value!r}.")


def check_least(config, least: float, *names: str) -> None:
    """:raises RegistrationError: one of these settings, or a number in one that is a list, is below ``least``."""
    for name in names:
        value = getattr(config, name)
        numbers = value if isinstance(value, tuple) else (value,)
        if not numbers or min(numbers) < least:
            raise RegistrationError(f"{name} must be {least:g} or more, got {list(numbers) if numbers else 'nothing'}.")


_KINDS = {
    bool: "true or false", int: "a whole number", float: "a number", str: "a word", tuple: "a list of whole numbers",
}  # fmt: skip


def _default(setting):
    return setting.default_factory() if callable(setting.default_factory) else setting.default


def _is(value, kind) -> bool:
    if kind is tuple:
        return isinstance(value, tuple) and all(_is(number, int) for number in value)
    if kind in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if kind is float else kind)
