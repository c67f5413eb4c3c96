"""The Python package that Slicer does not bring: torch.

Looking is free (package metadata only, nothing is imported); installing happens only in
``ensureInstalled``, which the panel calls when the user clicks Register. torch comes from
the PyTorch extension, which picks the build for the computer's GPU; it is never installed
from here with pip.
"""

import logging
import sys

import slicer
from slicer.i18n import tr as _

TORCH_VERSION = ">=2.2"
TORCH = "torch" + TORCH_VERSION


class DependencyError(RuntimeError):
    """A needed Python package is missing; the message says how to get it."""


class InstallationDeclined(DependencyError):
    """The user answered the question before an installation with Cancel."""


def missingPackages():
    """Requirements that are not met, as pip would write them; imports nothing of them."""
    from slicer.packaging import pip_check

    return [] if pip_check(TORCH) else [TORCH]


def requireInstalled():
    """Raise DependencyError when a package is missing. Asks nothing, installs nothing."""
    from slicer.packaging import pip_check

    if missingPackages():
        raise DependencyError(_wrongTorchMessage() if pip_check("torch") else _noTorchMessage())
    _requireNumpyThatFits()


def _requireNumpyThatFits():
    """PyTorch before 2.3, the last one for x86_64 macOS, was built for NumPy 1: with 2 no array passes between them."""
    from slicer.packaging import pip_check

    if pip_check("torch>=2.3"):
        return
    if pip_check("numpy>=2"):
        raise DependencyError(
            _(
                "The installed PyTorch works with NumPy 1 only, and Slicer has NumPy 2. Type "
                "slicer.util.pip_install('numpy<2') in the Python console, restart Slicer and click Register again."
            )
        )
    numpy = sys.modules.get("numpy")
    if numpy is not None and not numpy.__version__.startswith("1."):
        raise DependencyError(_("NumPy was replaced. Save your work, restart Slicer and click Register again."))


def ensureInstalled():
    """Install what is missing after asking the user; call it on the main thread, on a click.

    Raises InstallationDeclined when the user says no, DependencyError when a package
    cannot be had. Under Slicer's testing mode nothing is installed.
    """
    from slicer.packaging import isPipInstallInProgress

    if not missingPackages():
        _requireNumpyThatFits()
        return
    # PyTorchUtils installs without asking in testing mode: stop before it is reached.
    if slicer.app.testingEnabled():
        requireInstalled()
    if isPipInstallInProgress():
        raise DependencyError(
            _("Another Python package is being installed. Wait until that is done, then click Register again.")
        )
    _installTorch()
    requireInstalled()


def _installTorch():
    from slicer.packaging import pip_check

    if pip_check("torch"):
        raise DependencyError(_wrongTorchMessage())
    try:
        import PyTorchUtils
    except ImportError:
        _offerExtension()
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
                "or install it in the 'PyTorch Utils' module, then click Register again."
            ).format(error=error)
        ) from error
    if torch is None:
        raise InstallationDeclined(_("PyTorch was not installed. Registration cannot run without it."))


def _offerExtension():
    """Install the PyTorch extension if the user wants that and this Slicer has an extensions manager.

    Raises InstallationDeclined when it was installed (Slicer has to restart first) or is not wanted.
    """
    makeModel = getattr(slicer.app, "extensionsManagerModel", None)
    if makeModel is None:
        return
    model = makeModel()
    if model.isExtensionInstalled("PyTorch"):
        # Switched off, or there only since Slicer was started.
        model.setExtensionEnabled("PyTorch", True)
        raise InstallationDeclined(
            _("The PyTorch extension is not loaded yet. Save your work, restart Slicer and click Register again.")
        )
    question = _(
        "Registration needs PyTorch, which the PyTorch extension installs. Download and install that extension now? "
        "Slicer has to be restarted afterwards."
    )
    if not slicer.util.confirmOkCancelDisplay(question, windowTitle=_("FiRework Registration")):
        raise InstallationDeclined(_noExtensionMessage())
    # No windows of its own: the question was asked. The model is that of the application: the next one shall be asked.
    wasInteractive, model.interactive = model.interactive, False
    try:
        isInstalled = model.installExtensionFromServer("PyTorch", False)
    finally:
        model.interactive = wasInteractive
    if isInstalled:
        raise InstallationDeclined(
            _("The PyTorch extension was installed. Save your work, restart Slicer and click Register again.")
        )


def _noTorchMessage():
    return _(
        "Registration needs PyTorch ({requirement}), which is not installed. "
        "Install the 'PyTorch' extension in the Extensions Manager, restart Slicer "
        "and click Register in the FiRework Registration module."
    ).format(requirement=TORCH)


def _noExtensionMessage():
    return _(
        "Registration needs PyTorch, which the PyTorch extension installs. "
        "Open the Extensions Manager, install the extension 'PyTorch', restart Slicer and click Register again."
    )


def _wrongTorchMessage():
    return _(
        "The installed PyTorch does not fit: version {version} is needed. "
        "Uninstall it in the 'PyTorch Utils' module, restart Slicer and click Register again."
    ).format(version=TORCH_VERSION)
