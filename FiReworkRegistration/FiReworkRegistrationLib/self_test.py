"""The steps of the module's self-test; ``FiReworkRegistrationTest`` runs them in Slicer."""

import sys
import tempfile
from pathlib import Path

import slicer


class SelfTest:
    """To be mixed into a ScriptedLoadableModuleTest.

    Tests that compute are skipped where torch is not installed: a test never installs it.
    """

    SHIFT = (6.0, -4.0, 3.0)  # mm, RAS: where the moving head lies, seen from the fixed one

    def test_parameterNode(self):
        parameters = self._module().FiReworkRegistrationLogic().getParameterNode()
        self.assertEqual((parameters.iterations, parameters.device), (4, "auto"))
        self.assertIsNone(parameters.fixedVolume)
        with self.assertRaises(ValueError):
            parameters.iterations = 0
        with self.assertRaises(ValueError):
            parameters.precision = "fp8"

    def test_registration(self):
        self._needPackages()
        fixed, moving = self._makePair()
        self.delayDisplay("Registering a shifted phantom")
        outputs = self._module().FiReworkRegistrationLogic().process(fixed, moving, iterations=2, device="cpu")
        for node in (outputs.transform, outputs.volume, outputs.jacobian):
            self.assertIs(slicer.mrmlScene.GetNodeByID(node.GetID()), node)
        self.assertEqual(outputs.volume.GetImageData().GetDimensions(), fixed.GetImageData().GetDimensions())
        self._checkShift(outputs.transform)
        self._checkShift(self._savedAndRead(outputs.transform))

    def test_panel(self):
        """Load, register, drag K, compare, apply, save, leave and come back, close the scene."""
        self._needPackages()
        fixed, moving, isPhantom = self._loadPair()
        self.delayDisplay("A session with the panel")
        own = self._panelInUse()
        if own is not None:
            # Two panels would follow one parameter node and the same views.
            own.exit()
            own.isResting = True
        panel = self._module().FiReworkRegistrationWidget()
        try:
            panel.enter()
            ui = panel.ui
            self.assertEqual((ui.fixedSelector.currentNode(), ui.movingSelector.currentNode()), (fixed, moving))
            ui.maximumIterationsSpinBox.value = 2
            ui.registerButton.click()
            # Two iterations and the polish of the preset that a new scene starts with.
            self.assertEqual(ui.iterationSlider.maximum, 3, ui.statusLabel.text)
            result = ui.outputTransformSelector.currentNode()
            if isPhantom:
                self._checkShift(result)
            else:
                figures = panel.runner.session.iterations
                self.assertGreater(figures[2].local_ncc, figures[0].local_ncc + 0.1)
            self._drag(ui, moving, result)
            self._compare(ui)
            self._apply(ui, moving)
            self._savedAndRead(result)
            self._savedScene(panel, result)
            panel.exit()
            panel.enter()
            self.assertTrue(ui.saveTransformButton.enabled)
            slicer.mrmlScene.Clear(0)
            panel.initializeParameterNode()
            self.assertFalse(ui.registerButton.enabled)
        finally:
            _giveUp(panel)
            if own is not None:
                own.isResting = False
                own.enter()

    @staticmethod
    def _panelInUse():
        """The application's panel, if "Reload and Test" was clicked in it."""
        widget = getattr(slicer.modules, "FiReworkRegistrationWidget", None)
        return widget if widget is not None and getattr(widget.parent, "isEntered", False) else None

    def _drag(self, ui, moving, result):
        """The moving volume is seen through the transform while the slider is held."""
        other = 0 if ui.iterationSlider.value else 1
        ui.iterationSlider.setSliderDown(True)
        ui.iterationSlider.setSliderPosition(other)
        self.assertIs(moving.GetParentTransformNode(), result)
        ui.iterationSlider.setSliderDown(False)
        self.assertIsNone(moving.GetParentTransformNode())
        self.assertEqual(result.GetAttribute("FiRework.iterations"), str(other))

    def _compare(self, ui):
        for index in reversed(range(ui.compareComboBox.count)):
            ui.compareComboBox.currentIndex = index
            slicer.app.processEvents()
        for checkBox in (ui.jacobianCheckBox, ui.gridCheckBox):
            checkBox.checked = True
            slicer.app.processEvents()
            checkBox.checked = False

    def _apply(self, ui, moving):
        """A volume is resampled into a new one."""
        before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
        ui.applySelector.setCurrentNode(moving)
        ui.applyButton.click()
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"), before + 1)

    def _savedScene(self, panel, result):
        """The scene saved and loaded again: the same transform under the same name, chosen in the panel."""
        before, name, scene = self._mapped(result), result.GetName(), slicer.mrmlScene
        folder, url = scene.GetRootDirectory() or "", scene.GetURL() or ""
        with tempfile.TemporaryDirectory() as temporary:
            path = str(Path(temporary) / "session.mrb")
            self.assertTrue(slicer.util.saveScene(path))
            panel.exit()
            slicer.mrmlScene.Clear(0)
            slicer.util.loadScene(path)
        # Slicer would offer to save the next scene in the folder that is gone.
        scene.SetRootDirectory(folder)
        scene.SetURL(url)
        panel.enter()
        slicer.app.processEvents()
        result = panel.ui.outputTransformSelector.currentNode()
        self.assertEqual(result.GetName(), name)
        for expected, found in zip(before, self._mapped(result), strict=True):
            self.assertAlmostEqual(expected, found, delta=0.01)

    @staticmethod
    def _mapped(transformNode):
        points = [(0.0, 0.0, 0.0), (20.0, -30.0, 10.0)]
        return [value for p in points for value in transformNode.GetTransformFromParent().TransformPoint(p)]

    def test_badInput(self):
        self._needPackages()
        from .engine.errors import Cancelled, RegistrationError

        fixed, moving = self._makePair()
        empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
        nodes = slicer.mrmlScene.GetNumberOfNodes()
        process = self._module().FiReworkRegistrationLogic().process
        for bad in ((None, moving), (fixed, None), (fixed, empty)):
            with self.assertRaises(RegistrationError):
                process(*bad, iterations=2, device="cpu")
        with self.assertRaises(RegistrationError):
            process(fixed, moving, iterations=0, device="cpu")
        with self.assertRaises(Cancelled):
            process(fixed, moving, iterations=2, device="cpu", cancelled=lambda: True)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), nodes, "failure and cancel must leave no node")

    def _needPackages(self):
        from .panel import dependencies

        missing = dependencies.missingPackages()
        if missing:
            self.skipTest(f"not installed: {', '.join(missing)}")

    def _loadPair(self):
        """The bundled brains where the module runs from a checkout, else the phantom; fixed, moving, isPhantom."""
        folder = Path(self._module().__file__).resolve().parents[1] / "Resources" / "SampleData"
        files = [folder / f"{name}_T1_2mm.nii.gz" for name in ("ICBM152", "Colin27")]
        if not all(file.exists() for file in files):
            return *self._makePair(), True
        return *(slicer.util.loadVolume(str(file)) for file in files), False

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

    def _module(self):
        """FiReworkRegistration.py as it is loaded now."""
        return sys.modules[type(self).__module__]


def _giveUp(panel):
    """A panel that the application has not made, and would not take away."""
    panel.cleanup()
    if hasattr(panel, "_onModuleAboutToBeUnloaded"):
        # Slicer's base class would clean up once more at the end.
        signal = "moduleAboutToBeUnloaded(QString)"
        slicer.app.moduleManager().disconnect(signal, panel._onModuleAboutToBeUnloaded)
    panel.parent.hide()
    panel.parent.deleteLater()
