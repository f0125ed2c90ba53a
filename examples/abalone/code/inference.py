"""Predicts the rings of raw rows: sex, length, diameter, height and the four weights, without the label.

The same script serves a batch transform and an endpoint, locally and on SageMaker.
"""

import csv
import io
import json
import os

import joblib
import pandas as pd

COLUMNS = [
    "sex",
    "length",
    "diameter",
    "height",
    "whole_weight",
    "shucked_weight",
    "viscera_weight",
    "shell_weight",
]
MISSING = {"", "?", "na", "n/a", "nan", "null", "none"}
JSON_LINES = ("application/jsonlines", "application/x-jsonlines")


def model_fn(model_dir):
    return {
        "preprocessor": joblib.load(os.path.join(model_dir, "preprocessor.joblib")),
        "model": joblib.load(os.path.join(model_dir, "model.joblib")),
    }


def input_fn(body, content_type):
    """CSV rows, a JSON array of rows, or one JSON row a line; a JSON row is an array or an object by column name."""
    text = body if isinstance(body, str) else body.decode("utf-8")
    kind = media_type(content_type)
    if kind == "text/csv":
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
    elif kind == "application/json":
        rows = json.loads(text)
        if not isinstance(rows, list):
            raise ValueError("the body must be a JSON array of rows")
    elif kind in JSON_LINES:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    else:
        raise ValueError(f"content type {content_type} is not supported: use text/csv, application/json or {JSON_LINES[0]}")
    return to_table(rows)


def predict_fn(data, model):
    if data.empty:
        return []
    return model["model"].predict(model["preprocessor"].transform(data)).tolist()


def output_fn(prediction, accept):
    kind = media_type(accept)
    if kind == "application/json":
        return json.dumps(prediction), accept
    # repr: the shortest text that reads back as the same number, on every machine.
    if kind == "text/csv" or kind in JSON_LINES:
        return "".join(f"{value!r}\n" for value in prediction), accept
    raise ValueError(f"accept {accept} is not supported: use text/csv, application/json or {JSON_LINES[0]}")


def media_type(header):
    return header.split(";")[0].strip().lower()


def to_table(rows):
    data = pd.DataFrame([to_row(row, number) for number, row in enumerate(rows, 1)], columns=COLUMNS, dtype=object)
    for column in COLUMNS[1:]:
        numbers = pd.to_numeric(data[column], errors="coerce").astype(float)
        wrong = data.index[numbers.isna() & data[column].notna()]
        if len(wrong):
            raise ValueError(f"row {wrong[0] + 1}: {column} is {data.loc[wrong[0], column]!r}, not a number")
        data[column] = numbers
    return data


def to_row(row, number):
    if isinstance(row, dict):
        unknown = sorted(set(row) - set(COLUMNS))
        if unknown:
            raise ValueError(f"row {number}: unknown columns {', '.join(unknown)}; known are {', '.join(COLUMNS)}")
        row = [row.get(column) for column in COLUMNS]
    if not isinstance(row, list) or len(row) != len(COLUMNS):
        raise ValueError(f"row {number} must have {len(COLUMNS)} columns: {', '.join(COLUMNS)}")
    return [clean(cell) for cell in row]


def clean(cell):
    """The preprocessor imputes what is missing."""
    if isinstance(cell, str):
        cell = cell.strip()
        return float("nan") if cell.lower() in MISSING else cell
    return float("nan") if cell is None else cell
