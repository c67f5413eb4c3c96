"""What the real Slicer offers, per class: the yardstick of the test host."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class ClassApi:
    """Names of one class as PythonQt shows them.

    :param properties: name to Qt type; "(read only)" at its end where it cannot be set.
    :param signals, slots: signatures, such as "clicked(bool)".
    :param methods: names of everything else that can be read.
    """

    name: str
    properties: dict
    signals: frozenset
    slots: frozenset
    methods: frozenset

    @property
    def short_name(self):
        return self.name.split(".")[-1]

    def signatures(self, signal_name):
        """Signatures of the signal of that name, the one with most arguments first."""
        found = [signature for signature in self.signals if signature.split("(")[0] == signal_name]
        return sorted(found, key=lambda signature: (-argument_count(signature), signature))

    def has_method(self, name):
        return name in self.methods or any(slot.split("(")[0] == name for slot in self.slots)


def argument_count(signature):
    arguments = signature[signature.index("(") + 1 : -1]
    return len(arguments.split(",")) if arguments else 0


@cache
def _listing():
    return json.loads(Path(__file__).with_name("slicer_api.json").read_text(encoding="utf-8"))


def class_names():
    return tuple(_listing()["classes"])


def names_of(module):
    """Public names of a Slicer Python module or base class."""
    return tuple(_listing()["names"][module])


@cache
def class_api(name):
    """:raises KeyError: the class is not in slicer_api.json; add it with make_api.py."""
    entries = _entries(name)
    properties = dict(entry[2:].split(": ", 1) for entry in entries if entry.startswith("p "))
    pick = lambda kind: frozenset(entry[2:] for entry in entries if entry.startswith(kind))  # noqa: E731
    return ClassApi(name, properties, pick("s "), pick("l "), pick("m "))


def _entries(name):
    listing = _listing()["classes"][name]
    inherited = _entries(listing["base"]) if listing["base"] else set()
    return (inherited - set(listing["lack"])) | set(listing["add"])
