"""Transforms to files: the whole map, and its inverse as a field of its own."""

import os
from pathlib import Path

import slicer

from ..engine.texts import tr as _
from .language import say
from .transforms import mapFromTransformNode, setMap
from .volumes import checkVolumeNode, ijkToRAS

#: File endings of displacement fields and composite transforms, and what each is good for.
ENDINGS = {
    ".h5": "ITK transform: 3D Slicer, ANTs, SimpleITK, elastix",
    ".nrrd": "displacement field: 3D Slicer, SimpleITK",
    ".nii.gz": "displacement field: ANTs, SimpleITK, NiftyReg after conversion",
}


def saveTransform(transformNode, path):
    """Write the transform of a registration; an existing file is replaced, all at once.

    Other programs read the same map as Slicer: fixed to moving, LPS mm. The node and its storage stay as they are.

    :param path: with one of ``ENDINGS``.
    :return: ``Path``.
    :raises RegistrationError: unknown ending, missing folder, no displacement field, a disk that does not take it.
    """
    path = checkPath(path)
    _checkThere(transformNode)
    # Asks for one field from parent: what else Slicer would write, other programs misread.
    mapFromTransformNode(transformNode)
    return _write(transformNode, path)


def saveInverse(transformNode, movingNode, path, execute=None):
    """Write the way back, moving to fixed, as a displacement field of its own.

    Computed, because the flagged inverse that Slicer would write cannot be read by ITK.

    :param movingNode: moving volume node, whose box (in its own coordinates) the field covers.
    :param execute: how the heavy part is run, ``execute(function)``; at once if None.
    :return: how far the inverse misses, mm, 99th percentile; folds make it large.
    :raises RegistrationError: as :func:`saveTransform`; no moving volume.
    """
    import numpy as np

    from ..engine.covering_inverse import covering_inverse
    from ..engine.geometry import Volume

    path = checkPath(path)
    _checkThere(transformNode)
    checkVolumeNode(movingNode, _("Moving volume"))
    displacementMap = mapFromTransformNode(transformNode)
    # The map leads to the moving volume's own coordinates, so its parents do not count.
    moving = Volume(np.array(slicer.util.arrayFromVolume(movingNode)), ijkToRAS(movingNode), movingNode.GetName())
    run = execute or (lambda function: function())
    inverse, residual = run(lambda: covering_inverse(displacementMap, moving))
    node = slicer.vtkMRMLTransformNode()
    node.SetName(say(_("{name} inverse").format(name=transformNode.GetName())))
    setMap(node, inverse)
    _write(node, path)
    return residual


def _checkThere(transformNode):
    from ..engine.errors import RegistrationError

    if transformNode is None or transformNode.GetScene() is None:
        raise RegistrationError(_("The transform is no longer in the scene; register again."))


def checkPath(path):
    """``Path`` if a transform can be written there.

    :raises RegistrationError: unknown ending or missing folder.
    """
    from ..engine.errors import RegistrationError

    path = Path(path)
    if not _ending(path):
        raise RegistrationError(
            _("'{name}': a transform is saved as {endings}; choose one of these.").format(
                name=path.name, endings=", ".join(ENDINGS)
            )
        )
    if not path.parent.is_dir():
        raise RegistrationError(
            _("Folder '{folder}' does not exist; choose another one or create it.").format(folder=path.parent)
        )
    if path.is_dir():
        raise RegistrationError(_("'{path}' is a folder; choose a file name.").format(path=path))
    return path


def _ending(path):
    return next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), None)


def _write(node, path):
    """Into a file beside it first: a full disk must not cost the file that was there."""
    from ..engine.errors import RegistrationError

    # The ending in lower case, because it chooses the writer.
    partial = path.with_name(f".{path.name[: -len(_ending(path))]}.partial{_ending(path)}")
    storage = slicer.vtkMRMLTransformStorageNode()
    storage.SetFileName(str(partial))
    storage.UseCompressionOn()
    try:
        if not storage.WriteData(node) or not partial.exists():
            raise RegistrationError(
                _(
                    "'{path}' could not be written; check that the folder can be written to and has free space, or "
                    "choose another one."
                ).format(path=path)
            )
        os.replace(partial, path)
    except OSError as error:
        raise RegistrationError(
            _("'{path}' could not be written ({reason}); choose another file.").format(path=path, reason=error.strerror)
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return path
