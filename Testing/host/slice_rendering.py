"""One slice view drawn off-screen by Slicer's own MRML logic and displayable managers."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

#: What Slicer draws into a slice view over the volumes, as far as panels here use it.
DISPLAYABLE_MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLTransformsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
)


def application_logic(scene):
    """The application's logic with an empty list of slice logics and the default color nodes."""
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    colors = slicer.vtkSlicerColorLogic()
    colors.SetMRMLApplicationLogic(logic)
    colors.SetMRMLScene(scene)
    logic.SetColorLogic(colors)
    logic.SetSliceLogics(vtk.vtkCollection())
    logic.SetViewLogics(vtk.vtkCollection())
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    return logic


class SliceRenderer:
    """The picture of one slice node.

    :param application: from :func:`application_logic`.
    :param slice_node: in the scene; its composite node is made if it is not there.
    """

    def __init__(self, application, slice_node):
        self.slice_node = slice_node
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application)
        application.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(slice_node.GetScene())
        self.logic.SetSliceNode(slice_node)
        self._window = None
        self._application = application

    @property
    def composite_node(self):
        return self.logic.GetSliceCompositeNode()

    def resize(self, width, height):
        """Pixels; the shown field of view keeps its middle and its scale."""
        if (width, height) != tuple(self.slice_node.GetDimensions()[:2]):
            self.logic.ResizeSliceNode(width, height)

    def picture(self):
        """uint8 (height, width, 3), the top row first."""
        if self._window is None:
            self._open_window()
        width, height, _ = self.slice_node.GetDimensions()
        self._window.SetSize(width, height)
        self._connect()
        self._window.Render()
        grabber = vtk.vtkWindowToImageFilter()
        grabber.SetInput(self._window)
        grabber.ReadFrontBufferOff()
        grabber.Update()
        pixels = vtk_to_numpy(grabber.GetOutput().GetPointData().GetScalars())
        return pixels.reshape(height, width, -1)[::-1, :, :3].copy()

    def layers(self):
        """The blended volumes alone, uint8 (height, width, 3); needs no OpenGL."""
        width, height, _ = self.slice_node.GetDimensions()
        connection = self.logic.GetImageDataConnection()
        if connection is None:
            return np.zeros((height, width, 3), np.uint8)
        connection.GetProducer().Update()
        image = connection.GetProducer().GetOutputDataObject(connection.GetIndex())
        pixels = vtk_to_numpy(image.GetPointData().GetScalars())
        return pixels.reshape(height, width, -1)[::-1, :, :3].copy()

    def _open_window(self):
        self._window = vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        renderer = vtk.vtkRenderer()
        self._window.AddRenderer(renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._image_actor = vtk.vtkActor2D()
        self._image_actor.SetMapper(self._mapper)
        self._image_actor.GetProperty().SetDisplayLocationToBackground()
        renderer.AddViewProp(self._image_actor)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(self._application)
        for name in DISPLAYABLE_MANAGERS:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self._group = slicer.vtkMRMLDisplayableManagerGroup()
        self._group.Initialize(factory, renderer)
        self._group.SetMRMLDisplayableNode(self.slice_node)

    def _connect(self):
        connection = self.logic.GetImageDataConnection()
        self._image_actor.SetVisibility(connection is not None)
        if connection is not None:
            self._mapper.SetInputConnection(connection)
