import numpy as np
import slicer

from FiReworkRegistrationLib.mrml.stamps import stamp


def test_nothing_has_no_stamp():
    assert stamp(None) is None


def test_points_that_are_added_or_moved_change_it(scene):
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    stamps = [stamp(points)]
    points.AddControlPoint([1, 2, 3])
    stamps.append(stamp(points))
    assert stamp(points) == stamps[-1]
    points.SetNthControlPointPosition(0, 1, 2, 4)
    stamps.append(stamp(points))
    assert stamps[0] != stamps[1] != stamps[2]


def test_voxels_and_the_parent_change_it(scene):
    labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    empty = stamp(labels)
    slicer.util.updateVolumeFromArray(labels, np.zeros((2, 2, 2), np.uint8))
    filled = stamp(labels)
    labels.GetImageData().Modified()
    drawn = stamp(labels)
    labels.SetAndObserveTransformNodeID(scene.AddNewNodeByClass("vtkMRMLLinearTransformNode").GetID())
    assert len({repr(one) for one in (empty, filled, drawn, stamp(labels))}) == 4


def test_segments_that_are_drawn_on_change_it(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(2, 2, 2)
    image.AllocateScalars(3, 1)
    segment = slicer.vtkSegment()
    segment.AddRepresentation("Binary labelmap", image)
    before = stamp(node)
    node.GetSegmentation().AddSegment(segment, "one")
    added = stamp(node)
    node.GetSegmentation().GetSegment("one").GetRepresentation("Binary labelmap").Modified()
    assert before != added != stamp(node)


def test_names_of_points_and_a_parent_that_moves_change_it(scene):
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    points.AddControlPoint([1, 2, 3])
    parent = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    points.SetAndObserveTransformNodeID(parent.GetID())
    stamps = [stamp(points)]
    points.SetNthControlPointLabel(0, "Fornix")
    stamps.append(stamp(points))
    matrix = np.eye(4)
    matrix[0, 3] = 5
    parent.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    stamps.append(stamp(points))
    assert stamps[0] != stamps[1] != stamps[2]
