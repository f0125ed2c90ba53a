"""What the default functions of the frameworks share: names of formats, and predictions in them."""

import csv
import io
import json

CSV = ("text/csv",)
JSON = ("application/json",)
JSON_LINES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl", "application/x-ndjson")
NPY = ("application/x-npy",)


class UnsupportedFormatError(Exception):
    """Answered with 415 by input_fn and with 406 by output_fn. `known` are the formats that the function has."""

    def __init__(self, header, known, function):
        names = [names[0] for names in known]
        super().__init__(
            "{} is not supported: use {} or {}, or define {} in the inference script.".format(
                header, ", ".join(names[:-1]), names[-1], function
            )
        )


def media_type(header):
    return header.split(";")[0].strip().lower()


def encode(prediction, accept, known):
    """The prediction in the format that the client accepts, if it is one of those known."""
    # Loaded here, since a script with functions of its own may need no numpy.
    import numpy as np

    kind = media_type(accept)
    if not any(kind in names for names in known):
        raise UnsupportedFormatError(accept, known, "output_fn")
    array = np.asarray(prediction)
    if kind in NPY:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        return buffer.getvalue()
    if kind in CSV:
        text = io.StringIO()
        # As numpy writes them: a number of 32 bits has fewer digits than the same one as Python's float.
        rows = (np.atleast_1d(row) for row in np.atleast_1d(array))
        csv.writer(text, lineterminator="\n").writerows(map(str, row) for row in rows)
        return text.getvalue()
    rows = array.tolist()
    # NaN is not JSON: better an error than a body that the client cannot read.
    if kind in JSON:
        return json.dumps(rows, allow_nan=False)
    return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
