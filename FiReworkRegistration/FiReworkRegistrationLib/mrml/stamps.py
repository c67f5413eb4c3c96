"""What tells that the content of a node has changed: not all nodes change their own modification time for that."""


def stamp(node):
    """A value that differs when points, segments or voxels of a node, or its parent, are others.

    :param node: point list, segmentation, volume or None.
    """
    if node is None:
        return None
    parent = node.GetParentTransformNode()
    return node.GetID(), parent and (parent.GetID(), parent.GetTransformToWorldMTime()), _content(node)


def _content(node):
    if node.IsA("vtkMRMLMarkupsNode"):
        return [
            (
                node.GetNthControlPointLabel(index),
                node.GetNthControlPointPositionStatus(index),
                *node.GetNthControlPointPosition(index),
            )
            for index in range(node.GetNumberOfControlPoints())
        ]
    if node.IsA("vtkMRMLSegmentationNode"):
        segmentation = node.GetSegmentation()
        segments = [(name, segmentation.GetSegment(name)) for name in segmentation.GetSegmentIDs()]
        return [(name, segment.GetName(), *_times(segment)) for name, segment in segments]
    image = node.GetImageData()
    return image and image.GetMTime()


def _times(segment):
    from .masks import BINARY_LABELMAP

    labels = segment.GetRepresentation(BINARY_LABELMAP)
    return segment.GetMTime(), labels and labels.GetMTime()
