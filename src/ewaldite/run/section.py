"""What all sections of a configuration have in common."""

from __future__ import annotations

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from ewaldite.errors import UserError
from ewaldite.model.quantity import parse_quantity


class Section(BaseModel):
    """A section of the configuration: immutable, and strict about misspelt names."""

    # A default of 1000 is a float where the option is one, as 1000.0 read from a file is: else
    # the options that a run leaves would seem changed
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )


def in_units_of(unit: str, *, positive: bool = False) -> AfterValidator:
    """What refuses a text that is no number with a unit, when the configuration is read.

    Parameters
    ----------
    unit:
        To which it must be convertible.
    positive:
        Whether it must be above zero.
    """

    def checked(text: str) -> str:
        try:
            value = parse_quantity(text, unit, "")
        except UserError as error:
            said = error.found.removeprefix(f"'{text}' ")
            raise PydanticCustomError(
                "quantity", "{said}: write it as in '1.5 {unit}'", {"said": said, "unit": unit}
            ) from None
        if positive and not value > 0.0:
            raise PydanticCustomError("quantity", "should be above zero")
        return text

    return AfterValidator(checked)
