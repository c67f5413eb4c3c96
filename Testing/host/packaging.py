"""Stand-in for ``slicer.packaging``: a set of installed packages instead of pip."""

import types
from subprocess import CalledProcessError

from packaging.requirements import Requirement


class Packages:
    """What is installed, what the user answers, and what was asked for.

    :param installed: name to version.
    """

    def __init__(self, installed=None):
        self.installed = {"torch": "2.6.0"} if installed is None else dict(installed)
        self.accept, self.fail, self.in_progress, self.testing = True, False, False, False
        self.asked = []

    def pip_check(self, req):
        requirement = Requirement(req)
        version = self.installed.get(requirement.name)
        return version is not None and requirement.specifier.contains(version)

    def pip_ensure(self, requirements, requester=None, **options):
        unknown = set(options) - {
            "constraints", "skip_packages", "prompt_install", "prompt_restart", "skip_in_testing", "show_progress",
        }  # fmt: skip
        if unknown:
            raise TypeError(f"pip_ensure() got unexpected keywords {unknown}")
        if self.pip_check(requirements) or self.testing:
            return
        self.asked.append((requirements, requester))
        if not self.accept:
            raise RuntimeError("User declined installation")
        if self.fail:
            raise CalledProcessError(1, ["pip", "install", requirements])
        self.installed[Requirement(requirements).name] = "99.0"


#: The packages of the running test; the fixture puts a fresh one here.
current = Packages()


def make_module():
    module = types.ModuleType("slicer.packaging")
    module.pip_check = lambda req: current.pip_check(req)
    module.pip_ensure = lambda requirements, **options: current.pip_ensure(requirements, **options)
    module.isPipInstallInProgress = lambda: current.in_progress
    return module
