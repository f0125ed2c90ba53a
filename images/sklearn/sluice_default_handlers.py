"""
input_fn, predict_fn and output_fn for a script that leaves them out: the formats of SageMaker's sklearn image, and JSON Lines.

A row is always a row: the image makes one dimension of a request with a single one, which scikit-learn then refuses.
"""

import csv
import io
import json

CSV = ("text/csv",)
JSON = ("application/json",)
JSON_LINES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl", "application/x-ndjson")
NPY = ("application/x-npy",)


class UnsupportedFormatError(Exception):
    """Answered with 415 by input_fn and with 406 by output_fn."""

    def __init__(self, content_type, function):
        super().__init__(
            "{} is not supported: use text/csv, application/json, application/jsonlines or application/x-npy, "
            "or define {} in the inference script.".format(content_type, function)
        )


def input_fn(body, content_type):
    # Loaded here, since a script with functions of its own may need no numpy.
    import numpy as np

    kind = content_type.split(";")[0].strip().lower()
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
        raise UnsupportedFormatError(content_type, "input_fn")
    try:
        return np.array(rows, dtype=np.float32)
    except TypeError as error:
        raise ValueError("The body is not an array of numbers: {}".format(error)) from error


def predict_fn(data, model):
    return model.predict(data)


def output_fn(prediction, accept):
    import numpy as np

    kind = accept.split(";")[0].strip().lower()
    array = np.asarray(prediction)
    if kind in NPY:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        return buffer.getvalue()
    rows = array.tolist()
    if kind in JSON:
        # NaN is not JSON: better an error than a body that the client cannot read.
        return json.dumps(rows, allow_nan=False)
    if kind in JSON_LINES:
        return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    if kind in CSV:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(row if isinstance(row, list) else [row] for row in rows)
        return text.getvalue()
    raise UnsupportedFormatError(accept, "output_fn")
