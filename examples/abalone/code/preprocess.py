"""Splits the abalone data and turns measurements into features.

The split comes first: imputer, scaler and encoder learn from the training part only, so that nothing of the validation and
test parts leaks into the model. The fitted preprocessor is an output of its own; the model takes it along for raw rows.
"""

import argparse
import csv
import os
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "processing"

CATEGORY = "sex"
SEXES = ["F", "I", "M"]
MEASUREMENTS = [
    "length",
    "diameter",
    "height",
    "whole_weight",
    "shucked_weight",
    "viscera_weight",
    "shell_weight",
]
LABEL = "rings"
COLUMNS = [CATEGORY, *MEASUREMENTS, LABEL]
MISSING = {"", "?", "na", "n/a", "nan", "null", "none"}
MIN_ROWS = 20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--random-state", type=int, default=42)
    args = parser.parse_args()

    data = drop_unlabelled(read_data(find_csv(BASE / "input" / "data")))
    train, rest = train_test_split(data, test_size=0.3, random_state=args.random_state)
    validation, test = train_test_split(rest, test_size=0.5, random_state=args.random_state)

    preprocessor = make_preprocessor().fit(train)
    for name, part in {"train": train, "validation": validation, "test": test}.items():
        write_part(BASE / "output" / name, name, preprocessor.transform(part), part[LABEL])
    folder = make_folder(BASE / "output" / "preprocessor")
    joblib.dump(preprocessor, folder / "preprocessor.joblib")


def find_csv(folder: Path) -> Path:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if len(files) != 1:
        found = ", ".join(str(path.relative_to(folder)) for path in files) or "none"
        sys.exit(f"{folder} must hold one CSV file; found: {found}")
    return files[0]


def read_data(path: Path) -> pd.DataFrame:
    """Reads every cell as text first: that way an error can name the line and the column."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        rows, lines = [], []
        for row in reader:
            if row:
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    if len(rows) < MIN_ROWS:
        sys.exit(f"{path.name} has {len(rows)} rows; at least {MIN_ROWS} are needed")
    for line, row in zip(lines, rows):
        if len(row) != len(COLUMNS):
            sys.exit(
                f"{path.name}, line {line}: {len(row)} columns instead of {len(COLUMNS)} ({', '.join(COLUMNS)})"
            )
    text = pd.DataFrame(rows, columns=COLUMNS, index=lines, dtype=object)
    text = text.mask(text.apply(lambda column: column.str.lower().isin(MISSING)))

    data = pd.DataFrame({CATEGORY: text[CATEGORY].astype(object)})
    unknown = data.index[data[CATEGORY].notna() & ~data[CATEGORY].isin(SEXES)]
    if len(unknown):
        bad(path, unknown[0], CATEGORY, text, f"one of {', '.join(SEXES)}")
    for column in [*MEASUREMENTS, LABEL]:
        data[column] = pd.to_numeric(text[column], errors="coerce").astype(float)
        invalid = data.index[(data[column].isna() & text[column].notna()) | np.isinf(data[column])]
        if len(invalid):
            bad(path, invalid[0], column, text, "a number")
    empty = [column for column in COLUMNS if data[column].isna().all()]
    if empty:
        sys.exit(f"{path.name} has no value at all in: {', '.join(empty)}")
    missing = int(data[[CATEGORY, *MEASUREMENTS]].isna().to_numpy().sum())
    print(f"{path.name}: {len(data)} rows, {missing} missing cells (imputed)")
    return data


def bad(path: Path, line: int, column: str, text: pd.DataFrame, expected: str) -> None:
    hint = ""
    if line == text.index[0] and str(text.loc[line, LABEL]).lower().replace(" ", "_") == LABEL:
        hint = "; this looks like a header, which the file must not have"
    sys.exit(f"{path.name}, line {line}: {column} is {text.loc[line, column]!r}, not {expected}{hint}")


def drop_unlabelled(data: pd.DataFrame) -> pd.DataFrame:
    labelled = data.dropna(subset=[LABEL])
    dropped = len(data) - len(labelled)
    if dropped:
        print(f"left out {dropped} rows without {LABEL}: nothing can be learned or measured on them")
    if len(labelled) < MIN_ROWS:
        sys.exit(f"only {len(labelled)} rows have {LABEL}; at least {MIN_ROWS} are needed")
    return labelled


def make_preprocessor() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("measurements", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), MEASUREMENTS),
            (
                "sex",
                # Named categories: the columns stay the same when a small training part lacks one of them.
                make_pipeline(
                    SimpleImputer(strategy="most_frequent"),
                    OneHotEncoder(categories=[SEXES], handle_unknown="ignore"),
                ),
                [CATEGORY],
            ),
        ],
        sparse_threshold=0,
    )


def write_part(folder: Path, name: str, features: np.ndarray, label: pd.Series) -> None:
    """Label first and no header, as SageMaker's own algorithms expect it."""
    table = pd.DataFrame(np.column_stack([label, features]))
    table.to_csv(make_folder(folder) / f"{name}.csv", header=False, index=False)
    print(f"{name}: {len(table)} rows, {features.shape[1]} features")


def make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
