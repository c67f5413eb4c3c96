"""Stand-in for ``slicer.parameterNodeWrapper``: typed parameters kept in a MRML node.

Values live in a real vtkMRMLScriptedModuleNode, as in Slicer: numbers, text, choices and
enums (by name) as strings, nodes as references; a union of node classes under a name for each class.
As in Slicer, what was read stays until the node's next ModifiedEvent.
Parameter packs, lists and other unions are not here yet.
"""

import enum
import types
import typing
import weakref

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


class Minimum:
    def __init__(self, minimum):
        self.minimum = minimum

    def validate(self, value):
        if value < self.minimum:
            raise ValueError(f"Value must not be less than {self.minimum}, is {value}")


class Maximum:
    def __init__(self, maximum):
        self.maximum = maximum

    def validate(self, value):
        if value > self.maximum:
            raise ValueError(f"Value must not be greater than {self.maximum}, is {value}")


class Choice:
    def __init__(self, choices):
        self.choices = choices

    def validate(self, value):
        if value not in self.choices:
            raise ValueError(f"Value is {value}, but must be one of {self.choices}")


class _Parameter:
    """One annotated member of a wrapper class, readable as an attribute."""

    def __init__(self, name, annotation, default):
        self.name, self.annotation, self.kind, self.validators = name, annotation, annotation, ()
        if typing.get_origin(annotation) is typing.Annotated:
            self.kind, *self.validators = typing.get_args(annotation)
        self.is_union = typing.get_origin(self.kind) is typing.Union
        kinds = typing.get_args(self.kind) if self.is_union else (self.kind,)
        #: Names in the node; a union has one for each class, None among them.
        self._stored = {f"{name}.{index}" if self.is_union else name: kind for index, kind in enumerate(kinds)}
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

    def bounds(self):
        """(lowest, highest); None where nothing bounds the parameter."""
        within = self.annotation_of(WithinRange)
        if within is not None:
            return within.minimum, within.maximum
        lowest, highest = self.annotation_of(Minimum), self.annotation_of(Maximum)
        return lowest and lowest.minimum, highest and highest.maximum

    def __get__(self, wrapper, owner=None):
        return self if wrapper is None else wrapper._values[self.name]

    def __set__(self, wrapper, value):
        self.check(value)
        wrapper._write(self, value)

    def read(self, node):
        """What the node says; the default, which then is written, if it says nothing."""
        stored = next((name for name in self._stored if node.HasParameter(name)), None)
        if stored is None:
            self.check(self.default)
            self.write(node, self.default)
            return self.read(node)
        if self.is_node:
            return node.GetNodeReference(stored)
        text = node.GetParameter(stored)
        if self.kind is bool:
            return text == "True"
        return self.kind[text] if issubclass(self.kind, enum.Enum) else self.kind(text)

    def check(self, value):
        """:raises TypeError, ValueError: the parameter cannot have that value."""
        accepted = (int, float) if self.kind is float else self.node_kinds or self.kind
        if value is None and not self.allows_none:
            # Slicer's unions of nodes have to name None themselves.
            raise (TypeError if self.is_union else ValueError)(f"Value of '{self.name}' must not be None")
        if value is not None and not isinstance(value, accepted):
            raise TypeError(f"Value of '{self.name}' must be of type {accepted}, is {value!r}")
        for validator in self.validators:
            validator.validate(value)

    def write(self, node, value):
        with slicer.util.NodeModify(node):
            if self.is_union:
                self._write_union(node, value)
            elif self.is_node:
                self._write_node(node, self.name, value)
            else:
                node.SetParameter(self.name, value.name if isinstance(value, enum.Enum) else str(value))

    def _write_union(self, node, value):
        for name in self._stored:
            node.UnsetParameter(name)
            node.RemoveNodeReferenceIDs(name)
        name = next(name for name, kind in self._stored.items() if isinstance(value, kind))
        if value is None:
            node.SetParameter(name, "True")
        else:
            self._write_node(node, name, value)

    def _write_node(self, node, name, value):
        # What says that there is a value, also where that is None.
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)


class _Wrapper:
    """What the decorator adds to a class; its public names are none for parameters."""

    def __init__(self, parameterNode):
        self.parameterNode = parameterNode
        self._guis, self._next_tag, self._writing = {}, 0, False
        self._being_written = set()  # names
        self._values = {name: parameter.read(parameterNode) for name, parameter in self.allParameters.items()}
        # The observer must not keep the wrapper, or neither would ever go.
        itself = weakref.ref(self)
        tag = parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: itself()._read_again())
        weakref.finalize(self, parameterNode.RemoveObserver, tag).atexit = False

    def _read_again(self):
        for name, parameter in self.allParameters.items():
            if name not in self._being_written:
                self._values[name] = parameter.read(self.parameterNode)

    def _write(self, parameter, value):
        self._being_written.add(parameter.name)
        try:
            # What observes the node finds the new value here, not what was there before.
            with slicer.util.NodeModify(self.parameterNode):
                parameter.write(self.parameterNode, value)
                self._values[parameter.name] = parameter.read(self.parameterNode)
        finally:
            self._being_written.discard(parameter.name)

    @classmethod
    def _known(cls, name):
        if name not in cls.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}")
        return cls.allParameters[name]

    def getValue(self, name):
        return getattr(self, self._known(name).name)

    def setValue(self, name, value):
        setattr(self, self._known(name).name, value)

    def default(self, name):
        """Slicer wraps it."""
        return types.SimpleNamespace(value=self._known(name).default)

    def isCached(self, name):
        """Every type that the host knows is."""
        return self._known(name) is not None

    @classmethod
    def dataType(cls, name):
        return cls._known(name).annotation

    def connectGui(self, gui):
        named = {widget.property(PROPERTY): widget for widget in vars(gui).values()}
        return self.connectParametersToGui({name: widget for name, widget in named.items() if name})

    def connectParametersToGui(self, mapping):
        """:param mapping: name to widget."""
        parameters = {name: self._known(name) for name in mapping}
        bound = {name: connectors.connector(mapping[name], parameter) for name, parameter in parameters.items()}
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


#: Slicer refuses a class that has one of these.
RESERVED = ("allParameters", *(name for name in vars(_Wrapper) if not name.startswith("_")))


def parameterNodeWrapper(cls):
    """:raises ValueError: a parameter has a name that the wrapper needs."""
    hints = typing.get_type_hints(cls, include_extras=True)
    for name in RESERVED:
        if name in hints or hasattr(cls, name):
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
    parameters = {name: _Parameter(name, annotation, cls.__dict__.get(name)) for name, annotation in hints.items()}
    members = {"__doc__": cls.__doc__, "__module__": cls.__module__, "allParameters": parameters, **parameters}
    return type(cls.__name__, (_Wrapper,), members)


def make_module():
    module = types.ModuleType("slicer.parameterNodeWrapper")
    for thing in (parameterNodeWrapper, WithinRange, Minimum, Maximum, Choice):
        setattr(module, thing.__name__, thing)
    return module
