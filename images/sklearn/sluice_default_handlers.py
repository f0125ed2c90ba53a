"""
input_fn, predict_fn and output_fn for a script that leaves them out: the formats of SageMaker's sklearn image, and JSON Lines.

A row is always a row: the image makes one dimension of a request with a single one, which scikit-learn then refuses.
"""

import csv
import io
import json

from sluice_formats import CSV, JSON, JSON_LINES, NPY, UnsupportedFormatError, encode, media_type

FORMATS = (CSV, JSON, JSON_LINES, NPY)


def input_fn(body, content_type):
    # Loaded here, since a script with functions of its own may need no numpy.
    import numpy as np

    kind = media_type(content_type)
    if kind in NPY:
        # A pickle in a request could run anything.
        return np.load(io.BytesIO(body), allow_pickle=False)
    if kind in CSV:
        rows = [row for row in csv.reader(io.StringIO(body), strict=True) if row]
    elif kind in JSON:
        rows = json.loads(body)
    elif kind in JSON_LINES:
        rows = [json.loads(line) for line in body.splitlines() if line.strip()]
    else:
        raise UnsupportedFormatError(content_type, FORMATS, "input_fn")
    try:
        return np.array(rows, dtype=np.float32)
    except TypeError as error:
        raise ValueError("The body is not an array of numbers: {}".format(error)) from error


def predict_fn(data, model):
    return model.predict(data)


def output_fn(prediction, accept):
    return encode(prediction, accept, FORMATS)
