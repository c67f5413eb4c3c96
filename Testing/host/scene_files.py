"""Scenes saved as .mrb and read again, by the MRML classes that Slicer itself uses for it."""

import tempfile

import slicer


class SceneFiles:
    """Wires a scene to what reads and writes the files in a bundle, as the application does.

    :param scene: vtkMRMLScene.
    """

    def __init__(self, scene):
        self._scene = scene
        self._cache = tempfile.TemporaryDirectory()
        self._io = slicer.vtkMRMLRemoteIOLogic()
        self._io.SetMRMLScene(scene)
        self._io.GetCacheManager().SetRemoteCacheDirectory(self._cache.name)
        self._manager = slicer.vtkDataIOManagerLogic()
        self._manager.SetMRMLScene(scene)
        self._manager.SetAndObserveDataIOManager(self._io.GetDataIOManager())
        self._io.AddDataIOToScene()

    def save(self, path):
        """Whether all of the scene could be written."""
        return bool(self._scene.WriteToMRB(str(path)))

    def load(self, path):
        """Add what is in the bundle to the scene; whether all of it could be read."""
        messages = slicer.vtkMRMLMessageCollection()
        good = self._scene.ReadFromMRB(str(path), False, messages)
        if messages.GetNumberOfMessages():
            print(messages.GetAllMessagesAsString())
        return bool(good)
