"""The host refuses what Slicer refuses; a host that nods at everything proves nothing."""

import ctk
import pytest
import qt
import slicer

from host import objects


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
