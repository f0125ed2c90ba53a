#!/bin/sh
# The commands of the abalone pipeline one after another, as a person would type them: no Temporal, no supervisor.
# abalone.sh PYTHON PROJECT FOLDER
set -eu
python=$1 project=$2 base=$3
example=$project/examples/abalone
serving=$project/images/script-mode
PATH=$(dirname "$python"):$PATH
export PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

fresh() { # the folders of one job, as a container has them
  SAGEMAKER_BASE_DIR=$base/$1
  export SAGEMAKER_BASE_DIR
  mkdir -p "$SAGEMAKER_BASE_DIR/model" "$SAGEMAKER_BASE_DIR/output/data"
}

fresh preprocess
mkdir -p "$base/preprocess/processing/input/data"
ln -s "$example/data/abalone.csv" "$base/preprocess/processing/input/data/abalone.csv"
for output in train validation test preprocessor; do mkdir -p "$base/preprocess/processing/output/$output"; done
python3 "$example/code/preprocess.py"

fresh train
mkdir -p "$base/train/input/config" "$base/train/input/data"
outputs=$base/preprocess/processing/output
for channel in train validation preprocessor; do ln -s "$outputs/$channel" "$base/train/input/data/$channel"; done
ln -s "$example/code" "$base/train/input/data/code"
python3 - "$example/pipeline.json" "$base/train/input/config" <<'PYTHON'
import json, sys
step = json.load(open(sys.argv[1]))["steps"]["train"]
values = {key: json.dumps(value) for key, value in step["hyperparameters"].items()}
values["sagemaker_program"] = json.dumps(step["script"])
values["sagemaker_submit_directory"] = json.dumps("/opt/ml/input/data/code")
channels = {name: {"TrainingInputMode": "File"} for name in ("train", "validation", "preprocessor", "code")}
hosts = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"}
for name, content in (("hyperparameters", values), ("inputdataconfig", channels), ("resourceconfig", hosts)):
    with open(f"{sys.argv[2]}/{name}.json", "w") as file:
        json.dump(content, file)
PYTHON
python3 "$serving/train"
tar -C "$base/train/model" -c . | gzip -1 > "$base/model.tar.gz"

fresh evaluate
mkdir -p "$base/evaluate/processing/input/model" "$base/evaluate/processing/output/evaluation"
ln -s "$base/model.tar.gz" "$base/evaluate/processing/input/model/model.tar.gz"
ln -s "$outputs/test" "$base/evaluate/processing/input/test"
python3 "$example/code/evaluate.py"

fresh transform
tar -C "$base/transform/model" -xzf "$base/model.tar.gz"
cp -r "$example/code" "$base/transform/model/code"
tar -C "$base/transform/model" -c . | gzip -1 > "$base/model-with-code.tar.gz"
cat > "$base/transform/config.json" <<JSON
{"serve": ["$python", "$serving/serve", "$project/images/sklearn"], "port": null, "baseDir": "$base/transform",
 "inputs": [{"path": "$example/data/batch.csv", "name": "batch.csv"}], "outputDir": "$base/transform/out",
 "contentType": "text/csv", "accept": "text/csv", "splitType": "Line", "assembleWith": "Line",
 "batchStrategy": null, "maxPayloadInMB": null, "maxConcurrentTransforms": null,
 "invocationTimeoutSeconds": 600, "startupTimeoutSeconds": 120,
 "resultFile": "$base/transform/result.json", "failureFile": "$base/transform/output/failure"}
JSON
mkdir -p "$base/transform/out"
SAGEMAKER_PROGRAM=inference.py SAGEMAKER_SUBMIT_DIRECTORY=$base/transform/model/code \
  python3 -I -S "$project/src/engines/transform/driver.py" "$base/transform/config.json"
test "$(wc -l < "$base/transform/out/batch.csv.out")" -eq "$(wc -l < "$example/data/batch.csv")"
