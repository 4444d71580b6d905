"""The errors that a user sees: what was asked, what was found, what to do."""

from __future__ import annotations


class UserError(Exception):
    """A mistake in the input that its owner can mend.

    The command line prints the message without a traceback and exits with a code other
    than zero; a script catches it as any exception.

    Parameters
    ----------
    asked:
        What the program was asked to do, as in ``"read the geometry from a/XPARM.XDS"``.
    found:
        What it found instead: the file, the dataset, the value.
    remedy:
        What the user can do about it.
    """

    def __init__(self, asked: str, found: str, remedy: str) -> None:
        self.asked = asked
        self.found = found
        self.remedy = remedy
        super().__init__(f"Cannot {asked}: {found}. {remedy}")

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str]]:
        # An exception whose message is not its only argument is lost between processes
        # otherwise
        return type(self), (self.asked, self.found, self.remedy)


class MissingExtraError(UserError):
    """A library of an optional extra is not installed.

    Parameters
    ----------
    module:
        The module that could not be imported.
    extra:
        The name of the extra that brings it.
    purpose:
        The step that needs it, as an infinitive without ``to``.
    """

    def __init__(self, module: str, extra: str, purpose: str) -> None:
        super().__init__(
            purpose,
            f"the Python module '{module}' is not installed",
            f"Install it with: pip install 'ewaldite[{extra}]'",
        )
        self._arguments = (module, extra, purpose)

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str]]:
        return type(self), self._arguments
