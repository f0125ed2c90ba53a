#!/bin/sh
# The containers of the abalone pipeline one after another, as a person would start them: no Temporal, no supervisor.
# container-abalone.sh IMAGE PROJECT FOLDER mounts|copies
# mounts: what a job writes goes into a mounted folder, and belongs to root. copies: `docker cp` brings it, as Sluice's engine does.
set -eu
image=$1 project=$2 base=$3 by=$4
example=$project/examples/abalone
server=sluice-bench-$$ job=sluice-bench-job-$$
trap 'docker rm -f "$server" "$job" >/dev/null 2>&1 || true' EXIT

job() { # HOST-FOLDER CONTAINER-FOLDER ARGUMENT...
  host=$1 folder=$2
  shift 2
  mkdir -p "$host"
  if [ "$by" = mounts ]; then
    docker run --rm -v "$host:$folder" "$@"
  else
    docker run --name "$job" "$@"
    docker cp -q "$job:$folder/." "$host"
    docker rm "$job" >/dev/null
  fi
}

processing() { # SCRIPT HOST-FOLDER OUTPUTS ARGUMENT...
  script=$1 host=$2 written=$3
  shift 3
  job "$host" /opt/ml/processing/output -v "$example/code:/opt/ml/processing/input/code:ro" "$@" \
    "$image" sh -c "mkdir -p /opt/ml/processing/output && cd /opt/ml/processing/output && mkdir -p $written && exec python3 /opt/ml/processing/input/code/$script"
}

outputs=$base/preprocess
processing preprocess.py "$outputs" 'train validation test preprocessor' \
  -v "$example/data/abalone.csv:/opt/ml/processing/input/data/abalone.csv:ro"

mkdir -p "$base/config" "$base/archive"
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
job "$base/model" /opt/ml/model -v "$base/config:/opt/ml/input/config:ro" \
  -v "$outputs/train:/opt/ml/input/data/train:ro" -v "$outputs/validation:/opt/ml/input/data/validation:ro" \
  -v "$outputs/preprocessor:/opt/ml/input/data/preprocessor:ro" -v "$example/code:/opt/ml/input/data/code:ro" \
  "$image" sh -c 'mkdir -p /opt/ml/model /opt/ml/output && exec train'
tar -C "$base/model" -c . | gzip -1 > "$base/archive/model.tar.gz"

processing evaluate.py "$base/evaluate" evaluation \
  -v "$base/archive:/opt/ml/processing/input/model:ro" -v "$outputs/test:/opt/ml/processing/input/test:ro"

mkdir -p "$base/served"
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
job "$base/predictions" /sluice/output --network "container:$server" \
  -v "$project/src/engines/transform:/sluice/driver:ro" -v "$base/driver.json:/sluice/config.json:ro" \
  -v "$example/data/batch.csv:/sluice/input/batch.csv:ro" \
  "$image" sh -c 'mkdir -p /sluice/output && exec python3 -I -S /sluice/driver/driver.py /sluice/config.json'
docker stop -t 5 "$server" >/dev/null
docker rm "$server" >/dev/null
test "$(wc -l < "$base/predictions/batch.csv.out")" -eq "$(wc -l < "$example/data/batch.csv")"
