"""A MRML scene outside Slicer: volumes read into it, nodes and the scene written to files."""

from pathlib import Path

import slicer


def new_scene():
    """An empty scene that slicer.util works on as well."""
    slicer.mrmlScene = slicer.vtkMRMLScene()
    return slicer.mrmlScene


def load_volume(scene, path: Path, name: str):
    """A scalar volume node read from a file.

    :raises RuntimeError: the file cannot be read.
    """
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    storage = scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(path))
    storage.SetSingleFile(True)
    if not storage.ReadData(node):
        scene.RemoveNode(node)
        raise RuntimeError(f"'{path}' could not be read as a volume; check out the repository again.")
    # Kept out of the scene's list, so that saving the scene does not write over the sample.
    scene.RemoveNode(storage)
    node.CreateDefaultDisplayNodes()
    return node


def save_node(node, path: Path) -> None:
    """Write a volume or a transform node; the ending chooses the format.

    :raises RuntimeError: it could not be written.
    """
    node.AddDefaultStorageNode()
    storage = node.GetStorageNode()
    storage.SetFileName(str(path))
    storage.UseCompressionOn()
    if not storage.WriteData(node):
        raise RuntimeError(f"'{path}' could not be written; check the folder and the free disk space.")


def save_scene(scene, path: Path) -> Path:
    """The scene with its data as one .mrb file; a .mrml file beside the data where that fails."""
    if scene.WriteToMRB(str(path)):
        return path
    path = path.with_suffix(".mrml")
    scene.SetRootDirectory(str(path.parent))
    scene.SetURL(str(path))
    if not scene.Commit():
        raise RuntimeError(f"'{path}' could not be written; check the folder and the free disk space.")
    return path
