"""Which methods are compared, and how each is trained: a JSON file."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path

from ..engine.errors import RegistrationError
from ..training.config import TrainingConfig

#: What makes a method; every other setting of a training is its budget, the same for all in one table.
METHOD_SETTINGS = ("network", "network_settings", "field_scale", "stages", "grad_stages", "random_stages")


@dataclass(frozen=True)
class Method:
    """A row of Table 1.

    :param title: for people.
    :param iterations: K at which it is judged in Table 1.
    :param weights: the method whose training it uses; its own name but for methods that differ at test time only.
    :param training: settings of that training.
    """

    name: str
    title: str
    iterations: int
    weights: str
    training: TrainingConfig


@dataclass(frozen=True)
class ExperimentConfig:
    """:param name: of the file without its ending.
    :param pairs: how many dev pairs, each subject with the next one.
    :param iterations: every method is judged at K = 0 to this one.
    :param reference: method that the others are tested against.
    :param methods: by name, in the order of Table 1.
    :param shown: experiment to the names of its methods.
    :param left_out: dev subject to the reason why nothing is judged on it.
    """

    name: str
    title: str
    pairs: int
    iterations: int
    reference: str
    methods: dict[str, Method]
    shown: dict[str, list[str]]
    left_out: dict[str, str] = field(default_factory=dict)


def read_experiment(path) -> ExperimentConfig:
    """Read a file such as Testing/experiments/cpu-2mm.json.

    ``{"title", "pairs", "iterations", "reference", "training": {settings of all},
    "methods": {name: {"title", "iterations", "training": {its own settings} or "weights": other method}},
    "table1", "fig5", "fig6", "fig7": [names], "left_out": {dev subject: reason}}``; the last and "table1", then all
    methods, may be missing.

    :raises RegistrationError: unreadable, keys missing or unknown, or settings that no training takes.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        shared, methods = content.pop("training"), {}
        for name, entry in content.pop("methods").items():
            entry = dict(entry)
            other = entry.pop("weights", None)
            if other is not None:
                training = methods[other].training
            else:
                training = TrainingConfig.from_dict({**shared, **entry.pop("training")})
            methods[name] = Method(name, weights=other or name, training=training, **entry)
        # A method can wait here with its settings until there is time to train it.
        shown = {"table1": content.pop("table1", list(methods))}
        shown.update({figure: content.pop(figure) for figure in ("fig5", "fig6", "fig7")})
        config = ExperimentConfig(path.stem, methods=methods, shown=shown, **content)
    except RegistrationError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistrationError(
            f"Experiment '{path}' cannot be used ({error!r}); see Testing/experiments/cpu-2mm.json."
        ) from error
    _check(config)
    return config


def _check(config: ExperimentConfig) -> None:
    for names in (*config.shown.values(), [config.reference]):
        for name in names:
            if name not in config.methods:
                raise RegistrationError(
                    f"Experiment '{config.name}' names the method '{name}'; it has {', '.join(config.methods)}."
                )
    if config.reference not in config.shown["table1"]:
        raise RegistrationError(
            f"Experiment '{config.name}' tests against '{config.reference}', which is not in its table1; add it there."
        )
    if config.pairs < 1 or config.iterations < 1:
        raise RegistrationError(f"Experiment '{config.name}': pairs and iterations must be 1 or more.")
    for method in config.methods.values():
        if not 1 <= method.iterations <= config.iterations:
            raise RegistrationError(
                f"Method '{method.name}' is judged at K = {method.iterations}; choose 1 to {config.iterations}."
            )


def check_equal_budgets(methods: list[Method]) -> None:
    """:raises RegistrationError: methods of different budgets, which no table may hold together."""
    first = methods[0]
    for other in methods[1:]:
        for setting in fields(TrainingConfig):
            ours, theirs = (getattr(method.training, setting.name) for method in (first, other))
            if setting.name not in METHOD_SETTINGS and ours != theirs:
                raise RegistrationError(
                    f"'{first.name}' and '{other.name}' are trained with different {setting.name} "
                    f"({ours} and {theirs}); methods of different budgets do not go into one table. Put the "
                    "setting into the shared 'training', or the methods into experiments of their own."
                )
