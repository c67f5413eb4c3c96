"""The ``experiments`` command."""

from pathlib import Path

from ..engine.device import choose_device
from ..shell.progress import ProgressLine
from . import fig5, fig6, fig7, table1
from .config import read_experiment
from .report import write_section
from .study import Study

EXPERIMENTS = {"table1": table1, "fig5": fig5, "fig6": fig6, "fig7": fig7}


def run(
    names: list[str], config_path, output=None, training_folder=None, dev_folder=None, device="cpu",
) -> Path:  # fmt: skip
    """Make the named experiments and their sections of RESULTS.md.

    :param output: folder of RESULTS.md; that of the configuration if None.
    :return: path of RESULTS.md.
    """
    config = read_experiment(config_path)
    output = Path(config_path).parent if output is None else Path(output)
    line = ProgressLine()
    study = Study(
        config, output / config.name, training_folder, dev_folder, choose_device(device), line.done, line.show
    )
    results = output / "RESULTS.md"
    for name in names:
        write_section(results, f"{config.name} {name}", EXPERIMENTS[name].make(study))
        line.done(f"{name}: section of {results}")
    return results
