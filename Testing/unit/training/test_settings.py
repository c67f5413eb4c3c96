from dataclasses import dataclass, field

import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.training.settings import check_kinds, check_least


@dataclass(frozen=True)
class Config:
    steps: int = 3
    rate: float = 0.1
    name: str = "a"
    on: bool = False
    shape: tuple[int, ...] = (1, 2)
    crop: tuple[int, ...] | None = None
    more: dict = field(default_factory=dict)


def test_what_is_of_its_kind_passes():
    check_kinds(Config(steps=5, rate=1, on=True, shape=(3,), crop=(4, 5), more={"x": 1}))
    check_least(Config(), 1, "steps", "shape")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": True}, "steps is a whole number, got True"),
        ({"steps": 2.5}, "steps is a whole number"),
        ({"rate": "fast"}, "rate is a number"),
        ({"rate": None}, "rate is a number, got None"),
        ({"on": 1}, "on is true or false"),
        ({"shape": (1, "2")}, "shape is a list of whole numbers"),
        ({"more": 3}, "more is dict"),
    ],
)
def test_what_is_not_is_named(values, message):
    with pytest.raises(RegistrationError, match=message):
        check_kinds(Config(**values))


def test_what_is_too_small_is_named():
    with pytest.raises(RegistrationError, match="steps must be 1 or more"):
        check_least(Config(steps=0), 1, "steps")
    with pytest.raises(RegistrationError, match="shape must be 1 or more, got nothing"):
        check_least(Config(shape=()), 1, "shape")
