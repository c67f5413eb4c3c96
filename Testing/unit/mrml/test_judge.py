"""The judge of a session: figures, verdict, Dice and TRE kept up to date."""

from dataclasses import replace

import numpy as np
import pytest
import slicer
from test_masks import ball, labelMap

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.maps import DisplacementMap
from FiReworkRegistrationLib.mrml.judge import Judge
from FiReworkRegistrationLib.mrml.session import RegistrationSession
from FiReworkRegistrationLib.mrml.tables import tableColumns
from FiReworkRegistrationLib.mrml.volumes import setVolume, volumeFromNode


@pytest.fixture
def session(tools, fixed, moving):
    import torch

    class Known(tools.KnownRegistration):
        """Iteration 0 is the identity, every other one the known motion."""

        affine = np.eye(4)

        def __init__(self, *args, **settings):
            super().__init__(*args, **settings)
            self.grid = self.fixed.grid
            self.mask = torch.ones(1, 1, *self.grid.shape)

        def map(self, iteration=None):
            dmap = super().map()
            return DisplacementMap(dmap.grid, np.zeros_like(dmap.displacement)) if iteration == 0 else dmap

    session = RegistrationSession(fixed, moving, registrationClass=Known)
    session.prepare()
    list(session.refine(3))
    return session


@pytest.fixture
def judge(scene, session):
    return Judge(session, scene, "moving to fixed")


def test_verdict_of_any_iteration(judge):
    assert judge.verdict().sentence.startswith("Improved NCC 0.50 → 0.53 in 3 iterations; 0.12 %")
    assert judge.verdict(1).sentence.startswith("Improved NCC 0.50 → 0.51 in 1 iteration;")
    assert judge.verdict(0).sentence.startswith("Affine alignment only")


def test_coverage_and_agreement_enter_the_verdict(scene, session):
    session.registration.coverage = 0.5
    session.registration.agreement = 0.4
    session.registration.iterations[0] = replace(session.registration.iterations[0], local_ncc=0.1)
    heads = [warning.split(":")[0] for warning in Judge(session, scene).verdict().warnings]
    assert {"Little overlap", "Doubtful alignment"} <= set(heads)


def test_nothing_is_restless_before_it_is_finished(session, judge):
    states = session.registration.iterations
    states[-1] = replace(states[-1], p95_change=3.0)
    assert not judge.verdict().warnings
    session.finish()
    assert judge.verdict().warnings[0].startswith("Not converged")


def test_figures_follow_the_session(session, judge):
    nodes = judge.showFigures()
    assert tableColumns(nodes.table)["Displacement"] == [0.0, 1.0, 2.0, 3.0]
    assert nodes.table.GetName() == "moving to fixed figures"
    list(session.refine(5))
    assert judge.showFigures() is nodes
    assert tableColumns(nodes.table)["State"] == ["0 (affine start)", "1", "2", "3", "4", "5 (best)"]


def addPoints(name, points):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    for point in points:
        node.AddControlPoint(list(point))
    return node


def test_nothing_given_is_nothing_compared(scene, judge):
    before = scene.GetNumberOfNodes()
    assert judge.compare() == []
    assert scene.GetNumberOfNodes() == before


def test_landmarks_before_affine_after(tools, session, judge):
    points = np.array([(3.0, -4, 5), (8, 0, 1), (-6, 4, 9)])
    judge.setLandmarks(addPoints("F", points), addPoints("M", tools.knownMotion(points)))
    (sentence,) = judge.compare(2)
    columns = tableColumns(judge.landmarkTable)
    assert list(columns) == ["Landmark", "Before", "Affine", "After"]
    assert columns["Before"][0] == columns["Affine"][0] > 1 > 0.1 > columns["After"][0]
    assert sentence.startswith(f"Mean error of 3 landmarks: {columns['Before'][0]:.1f} →")
    assert sentence.endswith("→ 0.0 mm.")


def test_structures_and_execute(tools, scene, fixed, moving, session):
    def labels(name, node, values):
        new = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", name)
        setVolume(new, values.astype(np.uint8), volumeFromNode(node).affine)
        return new

    ran = []
    judge = Judge(session, scene, execute=lambda function: ran.append(1) or function())
    grid = volumeFromNode(fixed).grid
    k, j, i = np.meshgrid(*(np.arange(size) for size in grid.shape), indexing="ij")
    in_fixed = np.linalg.norm(grid.to_ras(np.stack([i, j, k], -1)), axis=-1) < 9
    there = volumeFromNode(moving).grid
    k, j, i = np.meshgrid(*(np.arange(size) for size in there.shape), indexing="ij")
    center = tools.knownMotion(np.zeros(3))
    in_moving = np.linalg.norm(there.to_ras(np.stack([i, j, k], -1)) - center, axis=-1) < 9
    more = np.where(np.arange(in_fixed.shape[0])[:, None, None] == 0, 2, in_fixed)
    judge.setStructures(labels("A", fixed, more), labels("B", moving, in_moving), fixed)
    (sentence,) = judge.compare()
    columns = tableColumns(judge.diceTable)
    assert columns["Structure"] == ["Mean", "label 1"]
    assert columns["After"][0] > 0.85 > columns["Before"][0]
    assert sentence.startswith("Dice of 1 structure: 0.")
    assert sentence.endswith(". Not compared, as on one side only: 'label 2'.")
    assert ran == [1]


def test_a_scene_closed_meanwhile_gets_no_tables(scene, session):
    session.finish(3)
    judge = Judge(session, scene, execute=lambda function: (function(), scene.Clear(0))[0])
    judge.setLandmarks(addPoints("F", np.eye(3)), addPoints("M", np.eye(3)))
    assert judge.compare() == []
    assert scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0


def test_bad_choices_keep_what_was_there(session, judge):
    points = addPoints("F", np.eye(3))
    judge.setLandmarks(points, addPoints("M", np.eye(3)))
    with pytest.raises(RegistrationError):
        judge.setLandmarks(points, None)
    assert len(judge.compare(1)) == 1
    judge.setLandmarks(None, None)
    assert judge.compare(1) == []


def test_other_choices_are_measured_from_the_start(judge, fixed):
    """What does not depend on the iteration is measured once for each."""
    points = np.array([(3.0, -4, 5), (8, 0, 1)])
    judge.setLandmarks(addPoints("F", points), addPoints("M", points))
    assert "landmarks: 0.0 →" in judge.compare()[0]
    judge.setLandmarks(addPoints("F", points), addPoints("M", points + np.array([0, 0, 6])))
    assert "landmarks: 6.0 →" in judge.compare()[0]
    judge.setLandmarks(None, None)
    volume = volumeFromNode(fixed)
    one, same, other = (labelMap(ball(volume, (x, 0, 0)), volume.affine) for x in (0.0, 0.0, 9.0))
    judge.setStructures(one, same, fixed)
    assert "1.00 →" in judge.compare()[0]
    judge.setStructures(one, other, fixed)
    assert "1.00 →" not in judge.compare()[0]
