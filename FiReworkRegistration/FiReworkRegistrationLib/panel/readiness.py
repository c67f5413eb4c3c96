"""Whether Register can run, and if not, what is missing in words for the user."""

from slicer.i18n import tr as _


def whatIsMissing(parameters) -> str:
    """Why these choices cannot be registered; empty when they can.

    :param parameters: the module's parameter node, or None while there is no scene.
    """
    if not parameters or not (parameters.fixedVolume or parameters.movingVolume):
        return _("Select a fixed and a moving volume")
    if not parameters.fixedVolume:
        return _("Select a fixed volume")
    if not parameters.movingVolume:
        return _("Select a moving volume")
    inputs = (parameters.fixedVolume, parameters.movingVolume)
    if inputs[0] is inputs[1]:
        return _("Fixed and moving volume must not be the same")
    if parameters.outputVolume in inputs or parameters.outputJacobian in inputs:
        return _("An output volume must not be one of the input volumes")
    if parameters.outputVolume and parameters.outputVolume is parameters.outputJacobian:
        return _("Registered volume and Jacobian volume must not be the same")
    return ""
