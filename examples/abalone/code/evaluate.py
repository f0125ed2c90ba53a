"""Measures the trained model on the test part, which neither training nor preprocessing has seen."""

import io
import json
import os
import sys
import tarfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "processing"


def main() -> None:
    model = load_model(BASE / "input" / "model" / "model.tar.gz")
    test = pd.read_csv(BASE / "input" / "test" / "test.csv", header=None).to_numpy(dtype=float)
    report = evaluate(y=test[:, 0], predicted=model.predict(test[:, 1:]))

    folder = BASE / "output" / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    # A NaN is not JSON, and no quality: better no report than one that a gate could misread.
    (folder / "evaluation.json").write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    print(json.dumps(report))


def load_model(archive: Path):
    """Reads one member and unpacks nothing: no path in the archive can lead anywhere."""
    with tarfile.open(archive, "r:gz") as tar:
        members = {member.name[2:] if member.name.startswith("./") else member.name: member for member in tar}
        member = members.get("model.joblib")
        if member is None or not member.isfile():
            sys.exit(f"{archive} holds no file model.joblib; it holds: {', '.join(members) or 'nothing'}")
        return joblib.load(io.BytesIO(tar.extractfile(member).read()))


def evaluate(y: np.ndarray, predicted: np.ndarray) -> dict:
    mse = mean_squared_error(y, predicted)
    return {
        "regression_metrics": {
            # The deviation is that of the errors, as in SageMaker's model quality reports.
            "mse": {"value": float(mse), "standard_deviation": float(np.std(y - predicted))},
            "rmse": {"value": float(np.sqrt(mse))},
            "mae": {"value": float(mean_absolute_error(y, predicted))},
            "r2": {"value": float(r2_score(y, predicted))},
            # What one gets for nothing: always predicting the mean.
            "baseline_mse": {"value": float(mean_squared_error(y, np.full_like(y, y.mean())))},
        }
    }


if __name__ == "__main__":
    main()
