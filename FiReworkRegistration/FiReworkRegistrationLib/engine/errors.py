"""The one exception type for everything a user can put right."""


class RegistrationError(ValueError):
    """An input or a setting that cannot be used.

    The message names the input and says what to do about it; callers show it as it is.
    """


class Cancelled(Exception):
    """Raised when the caller's cancel flag was set; not an error."""
