from __future__ import annotations

import pytest

from ewaldite.errors import MissingExtraError, UserError


def test_a_message_says_what_was_asked_what_was_found_and_what_to_do() -> None:
    error = UserError("read a.cbf", "the file does not exist", "Correct images.")
    assert str(error) == "Cannot read a.cbf: the file does not exist. Correct images."
    assert (error.asked, error.found) == ("read a.cbf", "the file does not exist")
    assert error.remedy == "Correct images."


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    error = MissingExtraError("fabio", "xray", "read a.tif")
    assert str(error).startswith(
        "Cannot read a.tif: the Python module 'fabio' is not installed"
    )
    assert "pip install 'ewaldite[xray]'" in error.remedy
    with pytest.raises(UserError):
        raise error
