"""The host refuses what Slicer refuses; a host that nods at everything proves nothing."""

import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace
from typing import Annotated, Optional, Union

import ctk
import pytest
import qt
import slicer
from slicer.parameterNodeWrapper import Maximum, Minimum, WithinRange, parameterNodeWrapper

from host import objects, ui_loader


def test_unknown_attribute_read(app):
    with pytest.raises(AttributeError, match="QPushButton has no attribute named 'setTextt'"):
        qt.QPushButton("Go").setTextt("Stop")


def test_unknown_attribute_set(app):
    with pytest.raises(AttributeError, match="no attribute named 'texte'"):
        qt.QPushButton("Go").texte = "Stop"


def test_a_python_subclass_may_have_its_own(app):
    class Panel(qt.QWidget):
        pass

    panel = Panel()
    panel.extra = 3
    assert panel.extra == 3


def test_a_property_is_no_method(app):
    button = qt.QPushButton("Go")
    assert button.text == "Go"
    with pytest.raises(TypeError):
        button.text()
    assert button.isEnabled()


def test_read_only_property(app):
    with pytest.raises(AttributeError, match="not writable"):
        qt.QProgressBar().text = "50 %"


def test_wrong_type_of_a_property(app):
    with pytest.raises(ValueError, match="is a QString"):
        qt.QLabel().text = 3


def test_wrong_signature_returns_false(app):
    button = qt.QPushButton()
    assert button.connect("clicked(bool)", print)
    assert button.connect("clicked()", print)
    assert not button.connect("clicked(int)", print)
    assert not button.connect("pushed()", print)


def test_callback_gets_as_much_as_it_takes(app):
    calls = []
    button = qt.QPushButton()
    button.connect("clicked(bool)", lambda: calls.append("none"))
    button.clicked.connect(lambda checked: calls.append(checked))
    button.click()
    assert calls == ["none", False]


def test_disconnected_callback_is_not_called(app):
    calls = []
    box = qt.QSpinBox()
    box.valueChanged.connect(calls.append)
    box.valueChanged.disconnect(calls.append)
    box.value = 3
    assert calls == []


def test_a_raising_callback_is_printed_only(app, capsys):
    button = qt.QPushButton()
    button.connect("clicked()", lambda: 1 / 0)
    button.click()
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert len(objects.callback_errors) == 1
    objects.callback_errors.clear()


def test_a_slider_cuts_floats_and_a_ctk_slider_keeps_them(app):
    slider, ctk_slider = qt.QSlider(), ctk.ctkSliderWidget()
    slider.value = 3.7
    ctk_slider.value = 3
    assert slider.value == 3
    assert isinstance(ctk_slider.value, float)


def test_node_types_are_a_tuple(app):
    box = slicer.qMRMLNodeComboBox()
    box.nodeTypes = ["vtkMRMLModelNode"]
    assert box.nodeTypes == ("vtkMRMLModelNode",)


def test_a_selector_without_none_takes_the_first_node(app, volume):
    box = slicer.qMRMLNodeComboBox()
    box.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    box.setMRMLScene(app.scene)
    node = volume("First")
    assert box.currentNode() is node
    assert box.currentNodeID == node.GetID()


def test_missing_in_slicer_and_missing_in_the_host_differ(app):
    with pytest.raises(AttributeError):
        slicer.app.processEvent()
    with pytest.raises(NotImplementedError):
        slicer.app.commandOptions()
    with pytest.raises(AttributeError):
        qt.QShortcutt()


def test_the_same_widget_is_the_same_object(app):
    parent = qt.QWidget()
    label = qt.QLabel("a", parent)
    assert parent.children()[0] is label
    assert label.parent() is parent


def test_collapsing(app):
    button = ctk.ctkCollapsibleButton()
    heard = []
    button.connect("contentsCollapsed(bool)", heard.append)
    button.collapsed = True
    assert heard == [True]


def test_single_shot_comes_with_the_next_events(app):
    calls = []
    qt.QTimer.singleShot(0, lambda: calls.append(1))
    assert calls == []
    slicer.app.processEvents()
    assert calls == [1]
    timer = qt.QTimer()
    timer.singleShot = True
    assert timer.singleShot is True


def test_only_properties_of_the_application_can_be_set(app, monkeypatch):
    monkeypatch.setattr(slicer.app, "doubleClickInterval", 300)
    assert slicer.app.doubleClickInterval == 300
    for name in ("doubleClickIntervall", "processEvents", "testing"):
        with pytest.raises(AttributeError, match=f"no attribute named '{name}'"):
            setattr(slicer.app, name, 1)
    with pytest.raises(AttributeError, match="not writable"):
        slicer.app.majorVersion = 6
    with pytest.raises(ValueError, match="is a int"):
        slicer.app.doubleClickInterval = "300"


def test_the_application_offers_code_under_test_nothing_else():
    own = {name for name in dir(type(slicer.app)) if not name.startswith("_")}
    api = ui_loader.class_api("slicer.app")
    unknown = {name for name in own if name not in api.properties and not api.has_method(name)}
    assert unknown <= {"connect", "disconnect"}


def test_no_enum_classes_of_qt_6(app):
    assert qt.Qt.AlignLeft and qt.QEvent.MouseButtonPress and qt.QSizePolicy.Expanding
    label = qt.QLabel()
    label.setSizePolicy(qt.QSizePolicy(qt.QSizePolicy.Expanding, qt.QSizePolicy.Fixed))
    assert isinstance(qt.QSize(1, 2), qt.QSize)
    for owner, name in ((qt.Qt, "AlignmentFlag"), (qt.QEvent, "Type"), (qt.QSizePolicy, "Policy")):
        with pytest.raises(AttributeError, match="in Qt 5"):
            getattr(owner, name)


def test_arguments_of_a_file_dialog_have_no_names(app):
    with pytest.raises(TypeError, match="positional"):
        qt.QFileDialog.getSaveFileName(None, caption="Save")


def wrapper(**annotations):
    """A wrapper class with these parameters."""
    return parameterNodeWrapper(type("Parameters", (), {"__annotations__": annotations}))


@pytest.fixture
def node(app):
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")


def connect(widget, annotation):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    widget.setProperty("SlicerParameterName", "value")
    return wrapper(value=annotation)(node).connectGui(SimpleNamespace(widget=widget))


@pytest.mark.parametrize("bounds", [(), (Minimum(0),), (Maximum(9),)])
def test_a_slider_needs_both_bounds(app, bounds):
    for kind, widget in ((float, ctk.ctkSliderWidget()), (int, qt.QSlider())):
        message = f"Cannot have a connection to {type(widget).__name__} where the {kind.__name__} types is unbounded"
        with pytest.raises(RuntimeError, match=message):
            connect(widget, Annotated[(kind, *bounds)] if bounds else kind)


def test_bounds_of_a_parameter_are_those_of_its_widget(app):
    slider, box = qt.QSlider(), qt.QSpinBox()
    connect(slider, Annotated[int, Minimum(-2), Maximum(7)])
    assert (slider.minimum, slider.maximum) == (-2, 7)
    connect(slider, Annotated[int, WithinRange(0, 3)])
    assert (slider.minimum, slider.maximum) == (0, 3)
    connect(box, int)
    assert (box.minimum, box.maximum) == (-(2**31), 2**31 - 1)
    box = qt.QDoubleSpinBox()
    connect(box, Annotated[float, Minimum(-0.5)])
    assert box.minimum == -0.5 and box.maximum > 1e300


@pytest.mark.parametrize("name", ["default", "getValue", "dataType", "isCached", "Modified", "AddObserver"])
def test_reserved_names_of_parameters(app, name):
    with pytest.raises(ValueError, match=f"Cannot use reserved name '{name}'"):
        wrapper(**{name: int})


def test_an_unknown_parameter_is_refused(node):
    parameters = wrapper(count=int)(node)
    assert parameters.default("count").value == 0 and parameters.dataType("count") is int
    for refuse in (parameters.getValue, parameters.default, lambda name: parameters.setValue(name, 3)):
        with pytest.raises(ValueError, match="Cannot find a param"):
            refuse("parameterNode")


def test_a_union_is_stored_under_the_number_of_its_class(node, volume):
    kinds = Optional[Union[slicer.vtkMRMLSegmentationNode, slicer.vtkMRMLScalarVolumeNode]]  # noqa: UP007, UP045
    parameters = wrapper(mask=kinds)(node)
    assert node.GetParameterNames() == ("mask.2",)
    parameters.mask = volume()
    assert node.GetParameterNames() == ("mask.1",)
    assert node.GetNodeReference("mask.1") is parameters.mask is not None


def test_a_parameter_is_read_again_when_the_node_says_so(node):
    parameters = wrapper(count=int)(node)
    with slicer.util.NodeModify(node):
        node.SetParameter("count", "3")
        assert parameters.count == 0
    assert parameters.count == 3
    with slicer.util.NodeModify(node):
        parameters.count = 4
        assert parameters.count == 4


def ui(*properties, widget="QLabel", layout="QVBoxLayout", head=""):
    return ElementTree.fromstring(
        f'<ui>{head}<widget class="{widget}" name="one">{"".join(properties)}<layout class="{layout}"/></widget></ui>'
    )


def prop(name, tag, text="1"):
    return f'<property name="{name}"><{tag}>{text}</{tag}></property>'


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (ui(prop("textFormat", "enum", "Qt::TextFormat::RichText")), "name of Qt 6"),
        (ui(prop("alignment", "set", "Qt::AlignTop|Qt::AlignmentFlag::AlignLeft")), "name of Qt 6"),
        (ui(prop("selectedText", "string")), "read only"),
        (ui(prop("indent", "double")), "is a int, and <double> is none"),
        (ui(prop("windowOpacity", "number")), "is a double, and <number> is none"),
        (ui(prop("wordWrap", "string", "true")), "is a bool"),
        (ui(prop("text", "number")), "is a QString"),
        (ui(prop("alignment", "enum", "Qt::AlignTop")), "is a Qt::Alignment"),
        (ui(prop("textFormat", "set", "Qt::RichText")), "is a Qt::TextFormat"),
        (ui(layout="QFlowLayout"), "class QFlowLayout is not in"),
        (ui(widget="qMRMLWidget"), "qMRMLWidget is missing from <customwidgets>"),
    ],
)
def test_what_the_loader_of_slicer_would_ignore_is_refused(refused, why):
    with pytest.raises(ui_loader.UiError, match=why):
        ui_loader.check(refused)


def test_what_the_loader_of_slicer_reads_is_accepted():
    ui_loader.check(
        ui(prop("alignment", "set", "Qt::AlignTop|Qt::AlignLeft"), prop("textFormat", "enum", "Qt::RichText"))
    )
    ui_loader.check(ui(prop("indent", "number"), prop("windowOpacity", "double"), prop("wordWrap", "bool", "true")))
    declared = "<customwidgets><customwidget><class>qMRMLWidget</class></customwidget></customwidgets>"
    ui_loader.check(ui(widget="qMRMLWidget", head=declared))
