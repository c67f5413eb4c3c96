"""Stand-in for ``slicer.parameterNodeWrapper``: typed parameters kept in a MRML node.

Values live in a real vtkMRMLScriptedModuleNode, as in Slicer: numbers, text, choices and
enums (by name) as strings, nodes as references; a union of node classes under a name for each class.
Parameter packs, lists and other unions are not here yet.
"""

import enum
import types
import typing

import slicer
import vtk

from . import connectors

PROPERTY = "SlicerParameterName"


class WithinRange:
    def __init__(self, minimum, maximum):
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within range [{self.minimum}, {self.maximum}], is {value}")


class Choice:
    def __init__(self, choices):
        self.choices = choices

    def validate(self, value):
        if value not in self.choices:
            raise ValueError(f"Value is {value}, but must be one of {self.choices}")


class _Parameter:
    """One annotated member of a wrapper class, readable as an attribute."""

    def __init__(self, name, annotation, default):
        self.name, self.kind, self.validators = name, annotation, ()
        if typing.get_origin(annotation) is typing.Annotated:
            self.kind, *self.validators = typing.get_args(annotation)
        self.is_union = typing.get_origin(self.kind) is typing.Union
        kinds = typing.get_args(self.kind) if self.is_union else (self.kind,)
        self.node_kinds = tuple(kind for kind in kinds if issubclass(kind, slicer.vtkMRMLNode))
        self.is_node = bool(self.node_kinds)
        self.allows_none = type(None) in kinds if self.is_union else self.is_node
        if self.is_union and set(kinds) - {*self.node_kinds, type(None)}:
            raise NotImplementedError(f"the test host knows no parameter of type {self.kind}")
        if not self.is_node and self.kind not in (int, float, str, bool) and not issubclass(self.kind, enum.Enum):
            raise NotImplementedError(f"the test host knows no parameter of type {self.kind}")
        self.default = default if default is not None or self.is_node else self._empty()

    def _empty(self):
        return next(iter(self.kind)) if issubclass(self.kind, enum.Enum) else self.kind()

    def annotation_of(self, validator):
        return next((v for v in self.validators if isinstance(v, validator)), None)

    def _stored_names(self):
        """Of a union, that of None comes after those of its classes."""
        return [f"{self.name}_{index}" for index in range(len(self.node_kinds) + 1)] if self.is_union else [self.name]

    def is_in(self, node):
        return any(node.HasParameter(name) for name in self._stored_names())

    def __get__(self, wrapper, owner=None):
        if wrapper is None:
            return self
        node = wrapper.parameterNode
        if self.is_node:
            return node.GetNodeReference(next(name for name in self._stored_names() if node.HasParameter(name)))
        text = node.GetParameter(self.name)
        if self.kind is bool:
            return text == "True"
        return self.kind[text] if issubclass(self.kind, enum.Enum) else self.kind(text)

    def __set__(self, wrapper, value):
        accepted = (int, float) if self.kind is float else self.node_kinds or self.kind
        if value is None and not self.allows_none:
            # Slicer's unions of nodes have to name None themselves.
            raise (TypeError if self.is_union else ValueError)(f"Value of '{self.name}' must not be None")
        if value is not None and not isinstance(value, accepted):
            raise TypeError(f"Value of '{self.name}' must be of type {accepted}, is {value!r}")
        for validator in self.validators:
            validator.validate(value)
        node = wrapper.parameterNode
        with slicer.util.NodeModify(node):
            if self.is_node:
                self._write_node(node, value)
            else:
                node.SetParameter(self.name, value.name if isinstance(value, enum.Enum) else str(value))

    def _write_node(self, node, value):
        names = self._stored_names()
        for name in names if self.is_union else ():
            node.UnsetParameter(name)
            node.RemoveNodeReferenceIDs(name)
        fitting = [name for name, kind in zip(names, self.node_kinds) if isinstance(value, kind)]
        name = fitting[0] if fitting else names[-1]
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)


class _Wrapper:
    """What the decorator adds to a class."""

    def __init__(self, parameterNode):
        self.parameterNode = parameterNode
        self._guis, self._next_tag, self._writing = {}, 0, False
        for name, parameter in self.allParameters.items():
            if not parameter.is_in(parameterNode):
                setattr(self, name, parameter.default)

    def getValue(self, name):
        return getattr(self, name)

    def setValue(self, name, value):
        setattr(self, name, value)

    def default(self, name):
        return self.allParameters[name].default

    def connectGui(self, gui):
        bound = {}
        for widget in vars(gui).values():
            name = widget.property(PROPERTY)
            if name:
                if name not in self.allParameters:
                    raise ValueError(f"Cannot find a param with the given name: {name}")
                bound[name] = connectors.connector(widget, self.allParameters[name])
        for name, connector in bound.items():
            connector.write(getattr(self, name))
            connector.onChanged(lambda name=name, connector=connector: self._from_gui(name, connector))
        tag = self._next_tag
        self._next_tag += 1
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._to_gui())
        self._guis[tag] = (bound, observer)
        return tag

    def disconnectGui(self, tag):
        bound, observer = self._guis.pop(tag)
        self.RemoveObserver(observer)
        for connector in bound.values():
            connector.disconnect()

    def _from_gui(self, name, connector):
        if not self._writing:
            setattr(self, name, connector.read())

    def _to_gui(self):
        if self._writing:
            return
        self._writing = True
        try:
            for bound, _ in self._guis.values():
                for name, connector in bound.items():
                    connector.write(getattr(self, name))
        finally:
            self._writing = False

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified):
        self.parameterNode.EndModify(wasModified)

    def Modified(self):
        self.parameterNode.Modified()

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)


def parameterNodeWrapper(cls):
    parameters = {
        name: _Parameter(name, annotation, cls.__dict__.get(name))
        for name, annotation in typing.get_type_hints(cls, include_extras=True).items()
    }
    members = {"__doc__": cls.__doc__, "__module__": cls.__module__, "allParameters": parameters, **parameters}
    return type(cls.__name__, (_Wrapper,), members)


def make_module():
    module = types.ModuleType("slicer.parameterNodeWrapper")
    for thing in (parameterNodeWrapper, WithinRange, Choice):
        setattr(module, thing.__name__, thing)
    return module
