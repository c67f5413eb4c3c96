"""The .ui file against Slicer's classes, the panel's code and the parameter node."""

import ast
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from host import ui_loader

MODULE = Path(__file__).resolve().parents[3] / "FiReworkRegistration"
UI = MODULE / "Resources" / "UI" / "FiReworkRegistration.ui"


@pytest.fixture(scope="module")
def root():
    return ElementTree.parse(UI).getroot()


def widgets(root, class_name=None):
    return [w for w in root.iter("widget") if class_name in (None, w.get("class"))]


def bound_parameters(root):
    return [p.findtext("string") for p in root.iter("property") if p.get("name") == "SlicerParameterName"]


def test_slicer_knows_every_class_property_signal_and_slot(root):
    ui_loader.check(root)


def test_names_are_unique(root):
    names = [w.get("name") for w in widgets(root)] + [layout.get("name") for layout in root.iter("layout")]
    assert len(names) == len(set(names))


def test_the_code_uses_only_widgets_that_exist(root):
    files = [MODULE / "FiReworkRegistration.py", *(MODULE / "FiReworkRegistrationLib" / "panel").glob("*.py")]
    attributes = [
        node
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    ]
    used = {node.attr for node in attributes if ast.unparse(node.value) in ("self.ui", "self._ui", "ui")}
    assert {"registerButton", "iterationSlider", "applySelector"} <= used
    assert used <= {w.get("name") for w in widgets(root)}


def test_every_parameter_is_bound_once(root, module):
    filled_by_code = ["fixedSegment", "movingSegment", "quality", "model", "device"]
    filled_by_code += ["resolution", "normalization", "contrast", "precision"]
    bound = bound_parameters(root) + filled_by_code
    assert sorted(bound) == sorted(module.FiReworkRegistrationParameterNode.allParameters)


def test_an_output_of_its_own_is_not_called_as_slicer_calls_an_empty_node(root):
    """``addEnabled`` offers "Create new Volume", which makes one at once."""
    names = [p.findtext("string") for p in root.iter("property") if p.get("name") == "noneDisplay"]
    assert names and not [name for name in names if name.startswith("Create new")]


def test_every_node_selector_gets_the_scene(root):
    receivers = {c[2] for c in ui_loader.connections(root) if c[3] == "setMRMLScene(vtkMRMLScene*)"}
    assert receivers == {w.get("name") for w in widgets(root) if w.get("class") == "qMRMLNodeComboBox"}


def test_the_table_has_no_scene(root):
    """With one, it forgets its table whenever a scene was imported."""
    assert "figuresTable" not in {c[2] for c in ui_loader.connections(root)}


def test_custom_classes_are_declared(root):
    declared = {c.findtext("class") for c in root.iter("customwidget")}
    assert declared == {w.get("class") for w in widgets(root) if not w.get("class").startswith("Q")}


def test_everything_the_user_touches_has_a_tooltip(root):
    touched = ("qMRMLNodeComboBox", "QComboBox", "QSlider", "QSpinBox", "QPushButton")
    for widget in (w for w in widgets(root) if w.get("class") in touched):
        assert any(p.get("name") == "toolTip" for p in widget.findall("property")), widget.get("name")


def test_an_unknown_property_is_refused():
    text = '<ui><widget class="QLabel" name="label"><property name="texte"><string/></property></widget></ui>'
    with pytest.raises(ui_loader.UiError, match="no property 'texte'"):
        ui_loader.check(ElementTree.fromstring(text))
