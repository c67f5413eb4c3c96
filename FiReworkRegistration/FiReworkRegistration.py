import importlib
import logging
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Annotated

import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLTransformNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

# Slicer runs this file at start-up. The library, numpy and torch are imported inside
# functions, when they are needed.


#
# FiReworkRegistration
#


class FiReworkRegistration(ScriptedLoadableModule):
    """What Slicer's module selector and help section show."""

    def __init__(self, parent):
        super().__init__(parent)
        self.parent.title = _("FiRework Registration")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Registration")]
        # PyTorchUtils is not named here: Slicer would then hide this module where it is absent.
        self.parent.dependencies = []
        self.parent.contributors = ["FiRework Registration developers (independent)"]
        self.parent.helpText = _(
            "Deformable registration of brain MRI volumes with a recurrent neural network. "
            "Choose a fixed and a moving volume and click Register: the module computes a transform "
            "from fixed to moving, the moving volume resampled on the fixed one, "
            "and a map of the Jacobian determinant. PyTorch comes from the PyTorch extension. "
            "For research only, not for clinical use."
        )
        self.parent.acknowledgementText = _(
            "An independent implementation of the method of the FiRework paper "
            '(<a href="https://arxiv.org/abs/2410.09595">arXiv 2410.09595</a>).'
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


#
# Register sample data sets in Sample Data module
#


def registerSampleData():
    """Add the sample pair to the Sample Data module when it is on this computer.

    The pair lies in the repository (Resources/SampleData), which an installed extension
    does not carry; so it is offered to those who run the module from a checkout.
    """
    folder = Path(__file__).resolve().parents[1] / "Resources" / "SampleData"
    files = sorted(folder.glob("*.nrrd")) + sorted(folder.glob("*.nii.gz"))
    if not files:
        return
    import SampleData

    category = "FiReworkRegistration"
    SampleData.SampleDataLogic.registerCustomSampleDataCategory(category, title=_("FiRework Registration"))
    for file in files:
        name = file.name.split(".")[0]
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=category,
            sampleName=name,
            thumbnailFileName=str(Path(__file__).parent / "Resources" / "Icons" / f"{category}.png"),
            uris=file.as_uri(),
            fileNames=file.name,
            nodeNames=name,
        )


#
# FiReworkRegistrationParameterNode
#


@parameterNodeWrapper
class FiReworkRegistrationParameterNode:
    """The choices of the panel, kept in the scene.

    fixedVolume - The volume that stays where it is.
    movingVolume - The volume that is registered to the fixed one.
    outputTransform - Receives the transform; None: a new node is made.
    outputVolume - Receives the moving volume on the fixed grid; None: a new node is made.
    outputJacobian - Receives the Jacobian determinant; None: a new node is made.
    iterations - How many times the network refines the displacement field.
    device - Where the network runs: auto, cuda or cpu.
    """

    fixedVolume: vtkMRMLScalarVolumeNode
    movingVolume: vtkMRMLScalarVolumeNode
    outputTransform: vtkMRMLTransformNode
    outputVolume: vtkMRMLScalarVolumeNode
    outputJacobian: vtkMRMLScalarVolumeNode
    iterations: Annotated[int, WithinRange(1, 20)] = 8
    device: Annotated[str, Choice(["auto", "cuda", "cpu"])] = "auto"


#
# FiReworkRegistrationWidget
#


class FiReworkRegistrationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: reads the choices, calls the logic, shows progress and errors."""

    def __init__(self, parent=None) -> None:
        # Before the base class, which calls setup() when there is no parent.
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._running = False
        self._cancelRequested = False
        super().__init__(parent)

    def setup(self) -> None:
        super().setup()
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/FiReworkRegistration.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.ui.progressBar.setVisible(False)

        self.logic = FiReworkRegistrationLogic()

        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.registerButton.connect("clicked(bool)", self.onRegisterButton)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancelButton)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """Called when the application closes and when the module is reloaded."""
        self._cancelRequested = True
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        self.initializeParameterNode()

    def exit(self) -> None:
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event) -> None:
        self._cancelRequested = True
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event) -> None:
        if getattr(self.parent, "isEntered", False):
            self.initializeParameterNode()

    def onReload(self) -> None:
        """Slicer reloads this file only: drop the library too, so that it is read again."""
        if self._running:
            self.ui.statusLabel.text = _("Wait until the registration is done, then reload.")
            return
        library = "FiReworkRegistrationLib"
        for name in [name for name in sys.modules if name == library or name.startswith(library + ".")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        importlib.import_module(library)
        super().onReload()

    def initializeParameterNode(self) -> None:
        """Fixed and moving stay empty until chosen: which is which is the user's decision."""
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode: FiReworkRegistrationParameterNode | None) -> None:
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self._parameterNodeGuiTag = None
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanRegister)
        self._parameterNode = parameterNode
        if self._parameterNode:
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanRegister)
        self._checkCanRegister()

    def _checkCanRegister(self, caller=None, event=None) -> None:
        missing = self._whatIsMissing()
        self.ui.registerButton.enabled = not missing
        self.ui.cancelButton.enabled = self._running
        self.ui.registerButton.toolTip = missing or _("Register the moving volume to the fixed volume")

    def _whatIsMissing(self) -> str:
        """Why Register cannot run now, in words; empty when it can."""
        if self._running:
            return _("A registration is running")
        from FiReworkRegistrationLib.panel.readiness import whatIsMissing

        return whatIsMissing(self._parameterNode)

    def onCancelButton(self, checked=False) -> None:
        self._cancelRequested = True
        self.ui.statusLabel.text = _("Stopping…")

    def onRegisterButton(self, checked=False) -> None:
        # processEvents lets clicks through while a registration runs.
        if self._whatIsMissing():
            return
        self._running = True
        self._cancelRequested = False
        self._checkCanRegister()
        self._setInputsEnabled(False)
        self.ui.progressBar.value = 0
        self.ui.progressBar.setVisible(True)
        try:
            self._register(self._parameterNode)
        except Exception as error:
            self._showError(error)
        finally:
            self._running = False
            self.ui.progressBar.setVisible(False)
            self._setInputsEnabled(True)
            self._checkCanRegister()

    def _register(self, parameters: FiReworkRegistrationParameterNode) -> None:
        from FiReworkRegistrationLib.panel import dependencies

        self._showProgress(0.0, _("Checking Python packages"))
        dependencies.ensureInstalled()
        outputs = self.logic.process(
            parameters.fixedVolume,
            parameters.movingVolume,
            outputTransform=parameters.outputTransform,
            outputVolume=parameters.outputVolume,
            outputJacobian=parameters.outputJacobian,
            iterations=parameters.iterations,
            device=parameters.device,
            progress=self._showProgress,
            cancelled=lambda: self._cancelRequested,
        )
        if not outputs.transform.GetScene():
            return  # the scene was closed meanwhile, and the outputs with it
        # The selectors then show which nodes hold the result.
        parameters.outputTransform = outputs.transform
        parameters.outputVolume = outputs.volume
        parameters.outputJacobian = outputs.jacobian
        self.ui.statusLabel.text = _("Done: the moving volume is registered to the fixed volume.")

    def _showProgress(self, fraction: float, message: str) -> None:
        self.ui.progressBar.value = int(100 * min(max(fraction, 0.0), 1.0))
        if not self._cancelRequested:
            self.ui.statusLabel.text = message
        slicer.app.processEvents()

    def _showError(self, error: Exception) -> None:
        """Words for the user; the trace goes to the log."""
        from FiReworkRegistrationLib.engine.errors import Cancelled, RegistrationError
        from FiReworkRegistrationLib.panel.dependencies import DependencyError, InstallationDeclined

        if isinstance(error, Cancelled):
            self.ui.statusLabel.text = _("The registration was stopped.")
            return
        if isinstance(error, InstallationDeclined):
            self.ui.statusLabel.text = str(error)
            return
        if isinstance(error, (RegistrationError, DependencyError)):
            text = str(error)
        else:
            text = _("The registration failed: {error}\n\nThe error log has the details.").format(error=error)
            logging.error("FiRework Registration failed", exc_info=error)
        self.ui.statusLabel.text = text
        slicer.util.errorDisplay(text, windowTitle=_("FiRework Registration"))

    def _setInputsEnabled(self, enabled: bool) -> None:
        self.ui.inputsCollapsibleButton.enabled = enabled
        self.ui.outputsCollapsibleButton.enabled = enabled
        self.ui.settingsCollapsibleButton.enabled = enabled


#
# FiReworkRegistrationLogic
#


class FiReworkRegistrationLogic(ScriptedLoadableModuleLogic):
    """Registers volume nodes; needs no widget.

    From Python: ``FiReworkRegistrationLogic().process(fixedNode, movingNode, iterations=8)``.
    """

    def getParameterNode(self) -> FiReworkRegistrationParameterNode:
        return FiReworkRegistrationParameterNode(super().getParameterNode())

    def process(self, fixedVolume: vtkMRMLScalarVolumeNode, movingVolume: vtkMRMLScalarVolumeNode, **options):
        """Register ``movingVolume`` to ``fixedVolume``; returns when the outputs are in the scene.

        :param fixedVolume: scalar volume that stays where it is.
        :param movingVolume: scalar volume to be brought onto it.
        :param options: keywords of ``FiReworkRegistrationLib.mrml.session.registerNodes``, among them
            outputTransform, outputVolume, outputJacobian (None: a new node), iterations (K), device
            ("auto", "cpu", "cuda"), ``progress(fraction, message)`` and ``cancelled()``.
        :return: its Outputs: ``transform`` (whole map, fixed to moving, RAS mm, set from parent),
            ``volume`` (moving on the fixed grid), ``jacobian`` (determinant on the fixed grid), and more.
        :raises RegistrationError: (a ValueError) an input that cannot be used; the message says what to do.
        :raises DependencyError: a Python package is missing; nothing is installed from here.
        :raises Cancelled: ``cancelled()`` was true; the scene is as it was.
        """
        from FiReworkRegistrationLib.panel import dependencies

        dependencies.requireInstalled()
        # After the check: the bridge brings the engine, and that torch.
        from FiReworkRegistrationLib.mrml.session import registerNodes

        return registerNodes(fixedVolume, movingVolume, **options)


#
# FiReworkRegistrationTest
#


class FiReworkRegistrationTest(ScriptedLoadableModuleTest):
    """Self-test in Slicer: by ctest, or by Reload and Test. Needs no internet, and a minute on a CPU.

    Tests that compute are skipped where torch is not installed: a test never installs it.
    """

    SHIFT = (6.0, -4.0, 3.0)  # mm, RAS: where the moving head lies, seen from the fixed one

    def setUp(self):
        slicer.mrmlScene.Clear(0)

    def runTest(self):
        """Reload and Test comes through here; ctest takes the test methods one by one."""
        for test in (self.test_parameterNode, self.test_registration, self.test_badInput):
            self.setUp()
            try:
                test()
            except unittest.SkipTest as reason:
                self.delayDisplay(f"{test.__name__} skipped: {reason}")
        self.delayDisplay("Test passed")

    def test_parameterNode(self):
        parameters = FiReworkRegistrationLogic().getParameterNode()
        self.assertEqual((parameters.iterations, parameters.device), (8, "auto"))
        self.assertIsNone(parameters.fixedVolume)
        with self.assertRaises(ValueError):
            parameters.iterations = 0
        with self.assertRaises(ValueError):
            parameters.device = "abacus"

    def test_registration(self):
        self._needPackages()
        fixed, moving = self._makePair()
        self.delayDisplay("Registering a shifted phantom")
        outputs = FiReworkRegistrationLogic().process(fixed, moving, iterations=2, device="cpu")
        for node in (outputs.transform, outputs.volume, outputs.jacobian):
            self.assertIs(slicer.mrmlScene.GetNodeByID(node.GetID()), node)
        self.assertEqual(outputs.volume.GetImageData().GetDimensions(), fixed.GetImageData().GetDimensions())
        self._checkShift(outputs.transform)
        self._checkShift(self._savedAndRead(outputs.transform))

    def test_badInput(self):
        self._needPackages()
        from FiReworkRegistrationLib.engine.errors import Cancelled, RegistrationError

        fixed, moving = self._makePair()
        empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
        nodes = slicer.mrmlScene.GetNumberOfNodes()
        process = FiReworkRegistrationLogic().process
        for bad in ((None, moving), (fixed, None), (fixed, empty)):
            with self.assertRaises(RegistrationError):
                process(*bad, iterations=2, device="cpu")
        with self.assertRaises(RegistrationError):
            process(fixed, moving, iterations=0, device="cpu")
        with self.assertRaises(Cancelled):
            process(fixed, moving, iterations=2, device="cpu", cancelled=lambda: True)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), nodes, "failure and cancel must leave no node")

    def _needPackages(self):
        from FiReworkRegistrationLib.panel import dependencies

        missing = dependencies.missingPackages()
        if missing:
            self.skipTest(f"not installed: {', '.join(missing)}")

    def _makePair(self):
        """A phantom head of 80x96x80 voxels of 2 mm, and the same head shifted."""
        return self._makeHead("Fixed", (0, 0, 0)), self._makeHead("Moving", self.SHIFT)

    def _makeHead(self, name, shift):
        import numpy as np

        kji = np.indices((80, 96, 80), dtype=np.float32)
        r, a, s = (2 * kji[2 - axis] - (80, 96, 80)[axis] - shift[axis] for axis in range(3))
        brain = (r / 58) ** 2 + (a / 72) ** 2 + (s / 54) ** 2
        array = np.where(brain < 1, 120 + 40 * np.sin(r / 9) * np.cos(a / 11) * np.sin(s / 8 + 1), 0)
        ventricles = ((np.abs(r) - 12) / 6) ** 2 + (a / 24) ** 2 + ((s - 6) / 10) ** 2
        array[ventricles < 1] = 30
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        node.SetSpacing(2, 2, 2)
        node.SetOrigin(-80, -96, -80)
        slicer.util.updateVolumeFromArray(node, array.astype(np.int16))
        return node

    def _checkShift(self, transformNode):
        """The map takes points of the fixed head to where they lie in the moving one."""
        for point in ((0, 0, 0), (30, 10, -20), (-20, -40, 15)):
            mapped = transformNode.GetTransformFromParent().TransformPoint(point)
            for axis in range(3):
                self.assertAlmostEqual(mapped[axis], point[axis] + self.SHIFT[axis], delta=2.0)

    def _savedAndRead(self, transformNode):
        """What another program gets: the transform after a trip through a file."""
        with tempfile.TemporaryDirectory() as folder:
            storage = transformNode.CreateDefaultStorageNode()
            storage.UnRegister(None)  # the Python variable owns it now
            storage.SetFileName(str(Path(folder) / "transform.h5"))
            self.assertTrue(storage.WriteData(transformNode))
            copy = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "Read")
            self.assertTrue(storage.ReadData(copy))
        return copy
