"""What to do with the result: apply it to other nodes, save it, open it in the Transforms module."""

import slicer
from slicer.i18n import tr as _

from ..mrml.former_parent import fixedWasPlaced, movingWasPlaced
from .save_dialog import SaveDialog

AUTOMATIC, PLACE, RESAMPLE = range(3)


class UseSection:
    """Buttons that work on the output transform, also of a scene that was loaded.

    :param ui: the panel's widgets.
    :param runner: ``Runner``.
    :param onError: called with an exception for the user.
    """

    def __init__(self, ui, runner, onError):
        self._ui, self._runner, self._onError = ui, runner, onError
        self._parameters, self._dialog = None, SaveDialog()
        automatic = _("Automatic (resample images, move the rest)")
        for text in (automatic, _("Place under the transform"), _("Resample on the fixed grid")):
            ui.applyComboBox.addItem(text)
        ui.applyButton.connect("clicked(bool)", self._onApply)
        ui.saveTransformButton.connect("clicked(bool)", self._onSaveTransform)
        ui.saveInverseButton.connect("clicked(bool)", self._onSaveInverse)
        ui.openTransformsButton.connect("clicked(bool)", self._onOpenTransforms)
        ui.applySelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onNodeChosen)

    def update(self, parameters):
        """Which buttons can be pressed."""
        self._parameters = parameters
        there = bool(parameters and parameters.outputTransform and parameters.outputTransform.GetTransformFromParent())
        free = there and not self._runner.running
        self._ui.applyButton.enabled = bool(free and parameters.fixedVolume and self._ui.applySelector.currentNode())
        self._ui.saveTransformButton.enabled = self._ui.openTransformsButton.enabled = free
        self._ui.saveInverseButton.enabled = bool(free and parameters.movingVolume)

    def _onNodeChosen(self, node):
        self.update(self._parameters)

    def _onApply(self, checked=False):
        from ..mrml.apply import applyTo

        how = self._ui.applyComboBox.currentIndex
        parameters, node = self._parameters, self._ui.applySelector.currentNode()

        def apply():
            return applyTo(
                node, parameters.outputTransform, parameters.fixedVolume,
                resample=None if how == AUTOMATIC else how == RESAMPLE, execute=self._runner.run,
            )  # fmt: skip

        self._ui.statusLabel.text = _("Applying the transform…")
        made, session = self._try(apply), self._runner.session
        if made is not None:
            if session and made is session.volumeNodes[1]:
                session.leavePlaced()
            text = _("'{name}' is under the transform.") if made is node else _("Created '{name}'.")
            self._ui.statusLabel.text = text.format(name=made.GetName())

    def _onSaveTransform(self, checked=False):
        from ..mrml.saving import saveTransform

        # Before the dialog: scripts may change the choices while it is open.
        node = self._parameters.outputTransform
        path = self._dialog.ask(_("Save transform"), node.GetName())
        if path and self._try(lambda: saveTransform(node, path)):
            isAffine = node.GetAttribute("FiRework.iterations") == "0"
            text = _("Saved {path}, which is the affine alignment only.") if isAffine else _("Saved {path}")
            place = _("Other programs need the fixed volume with its transform hardened.")
            self._tell(text.format(path=path), place if fixedWasPlaced(node) else "")

    def _onSaveInverse(self, checked=False):
        from ..mrml.saving import saveInverse

        node = self._parameters.outputTransform
        # Its own, whatever is chosen for the next registration.
        moving = node.GetNodeReference(node.GetMovingNodeReferenceRole()) or self._parameters.movingVolume
        path = self._dialog.ask(_("Save inverse transform"), _("{name} inverse").format(name=node.GetName()))
        if not path:
            return
        self._ui.statusLabel.text = _("Computing the inverse transform…")
        residual = self._try(lambda: saveInverse(node, moving, path, execute=self._runner.run))
        if residual is not None:
            text = _("Saved {path}; inverse error {residual} mm (99th percentile).")
            place = _("It leads to the moving volume without its transform: place what you load under that one.")
            said = text.format(path=path, residual=f"{residual:.2f}")
            self._tell(said, place if movingWasPlaced(node) else "")

    def _onOpenTransforms(self, checked=False):
        slicer.app.openNodeModule(self._parameters.outputTransform)

    def _tell(self, *sentences):
        self._ui.statusLabel.text = " ".join(filter(None, sentences))

    def _try(self, function):
        try:
            return function()
        except Exception as error:
            self._onError(error)
            return None
        finally:
            self.update(self._parameters)
