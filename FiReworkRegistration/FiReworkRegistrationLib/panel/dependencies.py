"""Python packages that Slicer does not bring: torch and safetensors.

Looking is free (package metadata only, nothing is imported); installing happens only in
``ensureInstalled``, which the panel calls when the user clicks Register. torch comes from
the PyTorch extension, which picks the build for the computer's GPU; it is never installed
from here with pip.
"""

import logging
from subprocess import CalledProcessError

import slicer
from slicer.i18n import tr as _

TORCH_VERSION = ">=2.2"
TORCH = "torch" + TORCH_VERSION
SAFETENSORS = "safetensors>=0.4"


class DependencyError(RuntimeError):
    """A needed Python package is missing; the message says how to get it."""


class InstallationDeclined(DependencyError):
    """The user answered the question before an installation with Cancel."""


def missingPackages():
    """Requirements that are not met, as pip would write them; imports none of them."""
    from slicer.packaging import pip_check

    return [requirement for requirement in (TORCH, SAFETENSORS) if not pip_check(requirement)]


def requireInstalled():
    """Raise DependencyError when a package is missing. Asks nothing, installs nothing."""
    missing = missingPackages()
    if missing:
        raise DependencyError(
            _("Registration needs Python packages that are not installed: {names}. {remedy}").format(
                names=", ".join(missing), remedy=_remedy(missing)
            )
        )


def ensureInstalled():
    """Install what is missing after asking the user; call it on the main thread, on a click.

    Raises InstallationDeclined when the user says no, DependencyError when a package
    cannot be had. Under Slicer's testing mode nothing is installed.
    """
    from slicer.packaging import isPipInstallInProgress

    missing = missingPackages()
    if not missing:
        return
    # PyTorchUtils installs without asking in testing mode: stop before it is reached.
    if slicer.app.testingEnabled():
        requireInstalled()
    if isPipInstallInProgress():
        raise DependencyError(
            _("Another Python package is being installed. Wait until that is done, then click Register again.")
        )
    # torch first: without it there is no point in installing the small one.
    if TORCH in missing:
        _installTorch()
    if SAFETENSORS in missing:
        _installSafetensors()
    requireInstalled()


def _installTorch():
    from slicer.packaging import pip_check

    if pip_check("torch"):
        raise DependencyError(_wrongTorchMessage())
    try:
        import PyTorchUtils
    except ImportError:
        raise DependencyError(_noExtensionMessage()) from None
    try:
        torch = PyTorchUtils.PyTorchUtilsLogic().installTorch(
            askConfirmation=True, torchVersionRequirement=TORCH_VERSION
        )
    except Exception as error:
        logging.exception("Installation of PyTorch failed")
        raise DependencyError(
            _(
                "PyTorch could not be installed: {error}. Check the internet connection and the free disk space, "
                'or install it in the "PyTorch Utils" module, then click Register again.'
            ).format(error=error)
        ) from error
    if torch is None:
        raise InstallationDeclined(_("PyTorch was not installed. Registration cannot run without it."))


def _installSafetensors():
    from slicer.packaging import pip_ensure

    try:
        pip_ensure(SAFETENSORS, requester="FiRework Registration")
    except CalledProcessError as error:
        logging.exception("Installation of safetensors failed")
        raise DependencyError(
            _(
                "The Python package safetensors could not be installed. "
                "Check the internet connection, then click Register again."
            )
        ) from error
    except RuntimeError as error:
        raise InstallationDeclined(
            _("The Python package safetensors was not installed. Registration cannot run without it.")
        ) from error


def _remedy(missing):
    """One sentence on how to get the missing packages."""
    if TORCH not in missing:
        return _("Click Register in the FiRework Registration module to install them.")
    from slicer.packaging import pip_check

    return _wrongTorchMessage() if pip_check("torch") else _noTorchMessage()


def _noTorchMessage():
    return _(
        'Install the "PyTorch" extension in the Extensions Manager, restart Slicer '
        "and click Register in the FiRework Registration module."
    )


def _noExtensionMessage():
    return _(
        "Registration needs PyTorch, which the PyTorch extension installs. "
        'Open the Extensions Manager, install the extension "PyTorch", restart Slicer and click Register again.'
    )


def _wrongTorchMessage():
    return _(
        "The installed PyTorch does not fit: version {version} is needed. "
        'Uninstall it in the "PyTorch Utils" module, restart Slicer and click Register again.'
    ).format(version=TORCH_VERSION)
