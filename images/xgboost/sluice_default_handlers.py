"""
input_fn, predict_fn and output_fn for a script that leaves them out: the formats of SageMaker's xgboost image, without
RecordIO-protobuf. The model is a Booster, and gets a DMatrix.

Cells of CSV are separated by commas. The image guesses the separator, and takes the point of a lone 1.5 for one.
"""

import csv
import io
import os
import tempfile

from sluice_formats import CSV, JSON, NPY, UnsupportedFormatError, encode, media_type

LIBSVM = ("text/libsvm", "text/x-libsvm")

# As in the image: every process of the server predicts with one thread. OpenMP reads it when xgboost is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def input_fn(body, content_type):
    # Loaded here, since a script with functions of its own may need neither.
    import numpy as np
    import xgboost

    kind = media_type(content_type)
    if kind in CSV:
        rows = [[cell or "nan" for cell in row] for row in csv.reader(io.StringIO(body), strict=True) if row]
        return xgboost.DMatrix(np.array(rows, dtype=np.float64))
    if kind in LIBSVM:
        # xgboost reads the format from files only.
        with tempfile.NamedTemporaryFile(suffix=".libsvm") as file:
            file.write(body)
            file.flush()
            return xgboost.DMatrix(file.name + "?format=libsvm")
    raise UnsupportedFormatError(content_type, (CSV, LIBSVM), "input_fn")


def predict_fn(data, model):
    # Neither format has the names of the features.
    return model.predict(data, validate_features=False)


def output_fn(prediction, accept):
    return encode(prediction, accept, (CSV, JSON, NPY))
