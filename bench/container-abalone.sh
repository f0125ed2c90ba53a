#!/bin/sh
# The containers of the abalone pipeline one after another, as a person would start them: no Temporal, no supervisor.
# container-abalone.sh IMAGE PROJECT FOLDER
set -eu
image=$1 project=$2 base=$3
example=$project/examples/abalone
server=sluice-bench-$$
trap 'docker rm -f "$server" >/dev/null 2>&1 || true' EXIT

processing() { # SCRIPT MOUNT...
  script=$1
  shift
  docker run --rm -v "$example/code:/opt/ml/processing/input/code:ro" "$@" \
    "$image" python3 "/opt/ml/processing/input/code/$script"
}

outputs=$base/preprocess
for output in train validation test preprocessor; do mkdir -p "$outputs/$output"; done
processing preprocess.py \
  -v "$example/data/abalone.csv:/opt/ml/processing/input/data/abalone.csv:ro" \
  -v "$outputs:/opt/ml/processing/output"

mkdir -p "$base/config" "$base/model"
cat > "$base/config/hyperparameters.json" <<'JSON'
{"learning_rate": "0.1", "max_depth": "4", "n_estimators": "100", "subsample": "0.8",
 "sagemaker_program": "\"train.py\"", "sagemaker_submit_directory": "\"/opt/ml/input/data/code\""}
JSON
cat > "$base/config/inputdataconfig.json" <<'JSON'
{"train": {"TrainingInputMode": "File"}, "validation": {"TrainingInputMode": "File"},
 "preprocessor": {"TrainingInputMode": "File"}, "code": {"TrainingInputMode": "File"}}
JSON
cat > "$base/config/resourceconfig.json" <<'JSON'
{"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"}
JSON
docker run --rm -v "$base/config:/opt/ml/input/config:ro" -v "$base/model:/opt/ml/model" \
  -v "$outputs/train:/opt/ml/input/data/train:ro" -v "$outputs/validation:/opt/ml/input/data/validation:ro" \
  -v "$outputs/preprocessor:/opt/ml/input/data/preprocessor:ro" -v "$example/code:/opt/ml/input/data/code:ro" \
  -v "$base/output:/opt/ml/output" "$image" train
mkdir -p "$base/archive" "$base/evaluation"
tar -C "$base/model" -c . | gzip -1 > "$base/archive/model.tar.gz"

processing evaluate.py \
  -v "$base/archive:/opt/ml/processing/input/model:ro" -v "$outputs/test:/opt/ml/processing/input/test:ro" \
  -v "$base/evaluation:/opt/ml/processing/output/evaluation"

mkdir -p "$base/served" "$base/predictions"
tar -C "$base/served" -xzf "$base/archive/model.tar.gz"
cp -r "$example/code" "$base/served/code"
tar -C "$base/served" -c . | gzip -1 > "$base/archive/model-with-code.tar.gz"
docker run -d --name "$server" -v "$base/served:/opt/ml/model" \
  -e SAGEMAKER_PROGRAM=inference.py -e SAGEMAKER_SUBMIT_DIRECTORY=/opt/ml/model/code "$image" serve >/dev/null
cat > "$base/driver.json" <<'JSON'
{"serve": null, "port": 8080, "baseDir": "/opt/ml",
 "inputs": [{"path": "/sluice/input/batch.csv", "name": "batch.csv"}], "outputDir": "/sluice/output",
 "contentType": "text/csv", "accept": "text/csv", "splitType": "Line", "assembleWith": "Line",
 "batchStrategy": null, "maxPayloadInMB": null, "maxConcurrentTransforms": null,
 "invocationTimeoutSeconds": 600, "startupTimeoutSeconds": 120,
 "resultFile": "/tmp/result.json", "failureFile": "/tmp/failure"}
JSON
docker run --rm --network "container:$server" -v "$project/src/engines/transform:/sluice/driver:ro" \
  -v "$base/driver.json:/sluice/config.json:ro" -v "$example/data/batch.csv:/sluice/input/batch.csv:ro" \
  -v "$base/predictions:/sluice/output" "$image" python3 -I -S /sluice/driver/driver.py /sluice/config.json
docker stop -t 5 "$server" >/dev/null
test "$(wc -l < "$base/predictions/batch.csv.out")" -eq "$(wc -l < "$example/data/batch.csv")"
