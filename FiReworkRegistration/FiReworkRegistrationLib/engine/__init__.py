"""Registration engine: pure numpy, torch and SimpleITK. Never imports slicer, qt or vtk."""
