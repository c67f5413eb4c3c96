import importlib
import sys
import unittest
from typing import Annotated, Union

import qt
import slicer
import vtk
from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTransformNode,
)
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

# Slicer runs this file at start-up: what is imported here is light. The engine, numpy and
# torch are imported inside functions, when they are needed.
from FiReworkRegistrationLib.mrml.compare_modes import CompareMode
from FiReworkRegistrationLib.panel.choices import CONTRASTS, NORMALIZATIONS, PRECISIONS, RESOLUTIONS
from FiReworkRegistrationLib.panel.start_up import onStartUp
from FiReworkRegistrationLib.self_test import SelfTest

#: Something that marks voxels by name or number. Slicer can write no None into a union that does not name it.
Structures = Union[vtkMRMLSegmentationNode, vtkMRMLLabelMapVolumeNode, None]  # noqa: UP007 - VTK classes have no |


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
            "Made for T1-weighted adult brains, whole head or skull-stripped; not tested with lesions. "
            "Choose a fixed and a moving volume and click Register: the module computes a transform "
            "from fixed to moving, the moving volume resampled on the fixed one, "
            "and a map of the Jacobian determinant. PyTorch comes from the PyTorch extension. "
            "For research only, not for clinical use."
        )
        self.parent.acknowledgementText = _(
            "An independent implementation of the method of the FiRework paper "
            "(<a href='https://arxiv.org/abs/2410.09595'>arXiv 2410.09595</a>)."
        )
        slicer.app.connect("startupCompleted()", onStartUp)


#
# FiReworkRegistrationParameterNode
#


@parameterNodeWrapper
class FiReworkRegistrationParameterNode:
    """The choices of the panel, kept in the scene.

    fixedVolume - The volume that stays where it is.
    movingVolume - The volume that is registered to the fixed one.
    fixedMask, movingMask - What is registered in each; None: everything.
    fixedSegment, movingSegment - Segment IDs, if the masks are segmentations; empty: all segments.
    initialTransform - Linear transform under which the moving volume lies near the fixed one.
    outputTransform - Receives the transform; None: a new node is made.
    outputVolume - Receives the moving volume on the fixed grid; None: a new node is made.
    outputJacobian - Receives the Jacobian determinant; None: a new node is made.
    compareMode, compareOpacity, linkSlices - How the slice views show the pair.
    showJacobian, jacobianOpacity, showGrid - What is laid over it.
    fixedStructures, movingStructures - Segmentations or label maps that Dice is computed for.
    fixedLandmarks, movingLandmarks - Point lists that distances are computed for.
    model - Name of the trained model; empty: the default one.
    device - Where the network runs: auto, cuda:0 and so on, or cpu.
    precision - Of the convolutions; fp32 on a CPU that has no other.
    resolution - Of the working grid, mm; empty: as the model.
    quality - Name of the preset: how the result is polished after the iterations.
    normalization - Which intensities become 0 and 1.
    contrast - Of the two volumes, same or different: whether gray values are matched.
    iterations - How many times the network refines the displacement field (K).
    stopEarly - End when an iteration no longer improves.
    align - Align affinely first.
    keepOnCancel - After Cancel, keep the iterations that are done.
    """

    fixedVolume: vtkMRMLScalarVolumeNode
    movingVolume: vtkMRMLScalarVolumeNode
    fixedMask: Structures
    movingMask: Structures
    fixedSegment: str
    movingSegment: str
    initialTransform: vtkMRMLTransformNode
    outputTransform: vtkMRMLTransformNode
    outputVolume: vtkMRMLScalarVolumeNode
    outputJacobian: vtkMRMLScalarVolumeNode
    compareMode: CompareMode = CompareMode.BLEND
    compareOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.5
    linkSlices: bool = True
    showJacobian: bool = False
    jacobianOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.5
    showGrid: bool = False
    fixedStructures: Structures
    movingStructures: Structures
    fixedLandmarks: vtkMRMLMarkupsFiducialNode
    movingLandmarks: vtkMRMLMarkupsFiducialNode
    model: str
    device: str = "auto"
    precision: Annotated[str, Choice(PRECISIONS)] = PRECISIONS[0]
    resolution: Annotated[str, Choice(RESOLUTIONS)] = RESOLUTIONS[0]
    normalization: Annotated[str, Choice(NORMALIZATIONS)] = NORMALIZATIONS[0]
    contrast: Annotated[str, Choice(CONTRASTS)] = CONTRASTS[0]
    quality: str = "balanced"
    iterations: Annotated[int, WithinRange(1, 20)] = 4
    stopEarly: bool = False
    align: bool = True
    keepOnCancel: bool = False


#: Parameters that are nodes.
NODE_PARAMETERS = (
    "fixedVolume", "movingVolume", "fixedMask", "movingMask", "initialTransform", "outputTransform", "outputVolume",
    "outputJacobian", "fixedStructures", "movingStructures", "fixedLandmarks", "movingLandmarks",
)  # fmt: skip


#
# FiReworkRegistrationWidget
#


class FiReworkRegistrationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: connects its sections, which lie in FiReworkRegistrationLib/panel, to the parameter node."""

    def __init__(self, parent=None) -> None:
        # Before the base class, which calls setup() when there is no parent.
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        #: Whether another panel works in the scene: this one then hears nothing of it.
        self.isResting = False
        super().__init__(parent)

    def setup(self) -> None:
        from FiReworkRegistrationLib.panel.parameter_sets import ParameterSets
        from FiReworkRegistrationLib.panel.scene_watch import SceneWatch
        from FiReworkRegistrationLib.panel.sections import Sections

        super().setup()
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/FiReworkRegistration.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)

        self.logic = FiReworkRegistrationLogic()
        self.sections = Sections(self.ui)
        self.parameterSets = ParameterSets(
            self.ui.parameterSetSelector, self.moduleName, self.logic.ownParameterNode, self.onParameterSetChosen
        )
        self.sceneWatch = SceneWatch(self, NODE_PARAMETERS)
        if slicer.util.mainWindow() is not None:
            slicer.app.connect("lastWindowClosed()", self.onLastWindowClosed)
        self.initializeParameterNode()
        if getattr(self.parent, "isEntered", False):
            # Reloaded: nobody will enter again.
            self.sections.result.showResult()

    @property
    def runner(self):
        """What registers; ``runner.session`` holds the last registration."""
        return self.sections.runner

    def cleanup(self) -> None:
        """Called when the application closes and when the module is reloaded."""
        self.runner.cancel()
        self.sections.result.cleanup()
        # Slicer keeps the widgets of a module that is reloaded: they must not keep the last registration.
        self.sections.judge.forget()
        self.setParameterNode(None)
        self.removeObservers()
        slicer.app.disconnect("lastWindowClosed()", self.onLastWindowClosed)
        self.runner.stop()

    def onLastWindowClosed(self) -> None:
        """The application ends when its events have been handled, which what is running does."""
        self.runner.abandon()

    def enter(self) -> None:
        self.initializeParameterNode()
        self.sections.result.showResult()

    def exit(self) -> None:
        self.sections.result.leave()
        self.setParameterNode(None)

    def onReload(self) -> None:
        """Slicer reloads this file only: drop the library too, so that it is read again."""
        if self._isToStopFirst(self.onReload):
            return
        library = "FiReworkRegistrationLib"
        for name in [name for name in sys.modules if name == library or name.startswith(library + ".")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        importlib.import_module(library)
        super().onReload()

    def onReloadAndTest(self, **kwargs) -> None:
        if not self._isToStopFirst(lambda: self.onReloadAndTest(**kwargs)):
            super().onReloadAndTest(**kwargs)

    def _isToStopFirst(self, again) -> bool:
        """What is running stands on the stack below: it has to end first, then ``again()`` is called."""
        if self.runner.running:
            self.runner.abandon()
            self.ui.statusLabel.text = _("Stopping, then the module is reloaded…")
            qt.QTimer.singleShot(50, again)
            return True
        return False

    def initializeParameterNode(self) -> None:
        """Two volumes in the scene are chosen by themselves; which is which can be swapped."""
        from FiReworkRegistrationLib.panel.input_section import chooseDefaults

        self.setParameterNode(self.logic.getParameterNode())
        if not self.runner.running:
            chooseDefaults(self._parameterNode)
        if not self.runner.session:
            from FiReworkRegistrationLib.mrml.loaded import restore

            restore(slicer.mrmlScene)

    def setParameterNode(self, parameterNode: FiReworkRegistrationParameterNode | None) -> None:
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self._parameterNodeGuiTag = None
            self.removeObserver(
                self._parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParametersModified
            )
        self._parameterNode = parameterNode
        if self._parameterNode:
            # Some versions of Slicer forget to return the tag; the first one is 0.
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui) or 0
            # The node, not what wraps it: the mixin would keep every wrapper, with its observers, for good.
            node = self._parameterNode.parameterNode
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onParametersModified)
            self.parameterSets.show(node)
        else:
            self.parameterSets.show(None)
        self.sections.setParameters(parameterNode)

    def onParameterSetChosen(self) -> None:
        self.initializeParameterNode()
        self.sections.result.showResult()

    def _onParametersModified(self, caller=None, event=None) -> None:
        self.sections.update()


#
# FiReworkRegistrationLogic
#


class FiReworkRegistrationLogic(ScriptedLoadableModuleLogic):
    """Registers volume nodes; needs no widget.

    From Python: ``FiReworkRegistrationLogic().process(fixedNode, movingNode, iterations=8)``.
    """

    def ownParameterNode(self):
        """The MRML node of the module's own choices, which every scene has."""
        return super().getParameterNode()

    def getParameterNode(self) -> FiReworkRegistrationParameterNode:
        """The choices in use: the module's own, unless another set was chosen."""
        from FiReworkRegistrationLib.panel.parameter_sets import currentSet

        return FiReworkRegistrationParameterNode(currentSet(self.ownParameterNode()))

    def process(self, fixedVolume: vtkMRMLScalarVolumeNode, movingVolume: vtkMRMLScalarVolumeNode, **options):
        """Register ``movingVolume`` to ``fixedVolume``; returns when the outputs are in the scene.

        :param fixedVolume: scalar volume that stays where it is.
        :param movingVolume: scalar volume to be brought onto it.
        :param options: keywords of ``FiReworkRegistrationLib.mrml.registering.registerNodes``, among them
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
        from FiReworkRegistrationLib.mrml.registering import registerNodes

        return registerNodes(fixedVolume, movingVolume, **options)


#
# FiReworkRegistrationTest
#


class FiReworkRegistrationTest(SelfTest, ScriptedLoadableModuleTest):
    """Self-test in Slicer: by ctest, or by Reload and Test. Needs no internet, and a minute on a CPU."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)

    def runTest(self):
        """Reload and Test comes through here; ctest takes the test methods one by one."""
        for test in (self.test_parameterNode, self.test_registration, self.test_panel, self.test_badInput):
            self.setUp()
            try:
                test()
            except unittest.SkipTest as reason:
                self.delayDisplay(f"{test.__name__} skipped: {reason}")
        self.delayDisplay("Test passed")
