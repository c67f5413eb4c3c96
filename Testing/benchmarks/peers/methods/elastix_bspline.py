"""elastix, its default B-spline (Mattes MI, 16 mm). ``elastix_bspline.py FIXED MOVING FIELD THREADS``."""

import sys

import itk

fixed, moving, field, threads = sys.argv[1:]
images = [itk.imread(path, itk.F) for path in (fixed, moving)]
parameters = itk.ParameterObject.New()
parameters.AddParameterMap(itk.ParameterObject.GetDefaultParameterMap("bspline", 4, 16.0))
_, found = itk.elastix_registration_method(
    *images, parameter_object=parameters, number_of_threads=int(threads), log_to_console=False
)
itk.imwrite(itk.transformix_deformation_field(images[1], found), field)
