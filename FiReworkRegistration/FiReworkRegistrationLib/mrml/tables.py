"""Columns of numbers and words into table nodes."""

import slicer
import vtk

from .language import say


def setTable(tableNode, columns, units=None, titles=None, rowHeader=False):
    """Replace what a table node holds.

    Real numbers are rounded to four decimals, because table views show all digits that there are.

    :param columns: column name to values, all of one length: whole numbers, real numbers (None or NaN leaves
        the cell at NaN) or texts. One real number or text makes the whole column real or text.
    :param units: column name to unit, such as "mm", which views show behind the title.
    :param titles: column name to what views show instead, in the user's language; the name itself if not given.
    :param rowHeader: the first column names the rows, in place of numbers.
    """
    units = {name: say(unit) for name, unit in (units or {}).items()}
    titles = {name: say(title) for name, title in (titles or {}).items()}
    table = vtk.vtkTable()
    for name, values in columns.items():
        table.AddColumn(_column(name, list(values)))
    with slicer.util.NodeModify(tableNode):
        tableNode.SetAndObserveSchema(None)
        tableNode.SetAndObserveTable(table)
        tableNode.SetUseColumnTitleAsColumnHeader(True)
        tableNode.SetUseFirstColumnAsRowHeader(rowHeader)
        tableNode.SetLocked(True)
        for name in columns:
            # Without types a saved table comes back as texts, and plots of it stay empty.
            tableNode.SetColumnType(name, table.GetColumnByName(name).GetDataType())
            tableNode.SetColumnTitle(name, titles.get(name, name))
            if name in units:
                tableNode.SetColumnUnitLabel(name, units[name])


def tableColumns(tableNode):
    """Column name to list of values, the reverse of :func:`setTable`."""
    table = tableNode.GetTable()
    columns = [table.GetColumn(index) for index in range(table.GetNumberOfColumns())]
    return {column.GetName(): [column.GetValue(row) for row in range(column.GetNumberOfValues())] for column in columns}


def _column(name, values):
    if any(isinstance(value, str) for value in values):
        column = vtk.vtkStringArray()
        values = ["" if value is None else str(value) for value in values]
    elif values and all(isinstance(value, int) for value in values):
        column = vtk.vtkIntArray()
    else:
        column = vtk.vtkDoubleArray()
        values = [float("nan") if value is None else round(float(value), 4) for value in values]
    column.SetName(name)
    for value in values:
        column.InsertNextValue(value)
    return column
