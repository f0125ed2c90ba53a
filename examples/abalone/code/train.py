"""Trains gradient-boosted trees that predict an abalone's rings from its measurements."""

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import Tuple

import joblib
import numpy as np
import pandas as pd
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import mean_squared_error


def main() -> None:
    args = parse_arguments()
    x_train, y_train = read_channel(args.train)
    x_validation, y_validation = read_channel(args.validation)

    model = GradientBoostingRegressor(
        learning_rate=args.learning_rate,
        max_depth=args.max_depth,
        n_estimators=args.n_estimators,
        subsample=args.subsample,
        min_samples_leaf=args.min_samples_leaf,
        random_state=args.random_state,
    )
    model.fit(x_train, y_train)

    print(f"train:mse={mean_squared_error(y_train, model.predict(x_train)):.4f}")
    print(f"validation:mse={mean_squared_error(y_validation, model.predict(x_validation)):.4f}")

    args.model_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, args.model_dir / "model.joblib")
    # The model is of no use for raw rows without the very preprocessor it was trained with.
    shutil.copyfile(args.preprocessor / "preprocessor.joblib", args.model_dir / "preprocessor.joblib")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning_rate", type=float, default=0.1)
    parser.add_argument("--max_depth", type=int, default=4)
    parser.add_argument("--n_estimators", type=int, default=100)
    parser.add_argument("--subsample", type=float, default=0.8)
    parser.add_argument("--min_samples_leaf", type=int, default=1)
    parser.add_argument("--random_state", type=int, default=42)
    for option, variable in {
        "--train": "SM_CHANNEL_TRAIN",
        "--validation": "SM_CHANNEL_VALIDATION",
        "--preprocessor": "SM_CHANNEL_PREPROCESSOR",
        "--model-dir": "SM_MODEL_DIR",
    }.items():
        folder = os.environ.get(variable)
        parser.add_argument(option, type=Path, default=folder, required=folder is None, help=f"default: ${variable}")
    return parser.parse_args()


def read_channel(folder: Path) -> Tuple[np.ndarray, np.ndarray]:
    files = sorted(folder.glob("*.csv"))
    if not files:
        sys.exit(f"{folder} holds no CSV file")
    table = pd.concat([pd.read_csv(file, header=None) for file in files]).to_numpy(dtype=float)
    return table[:, 1:], table[:, 0]


if __name__ == "__main__":
    main()
