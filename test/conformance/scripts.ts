/**
 * What every script of a case begins with. Where there is no /opt/ml (an engine without namespaces), the folder is named by
 * SAGEMAKER_BASE_DIR, as for the training toolkit.
 */
const prelude = (reportFolder: string) => `
import json, os, signal, sys, time
ML = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
OUT = ML + "${reportFolder}"

def report(**facts):
    with open(os.path.join(OUT, "report.json"), "w") as file:
        json.dump(facts, file)

def read(path):
    with open(os.path.join(ML, path), encoding="utf-8") as file:
        return file.read()

def write(path, content):
    path = os.path.join(ML, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
`;

export const processingPrelude = prelude('/processing/output/out');
export const trainingPrelude = prelude('/model');

/** An inference script: \`answer(lines, body)\` makes the lines of the response. No library, so that servers start fast. */
export const inference = (answer: string, more = '') => `
import json, os, signal, sys, time
ML = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
${more}
def model_fn(model_dir):
    return model_dir

def answer(model, lines, body, content_type, accept):
${answer
  .trim()
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}

def transform_fn(model, body, content_type, accept):
    text = body if isinstance(body, str) else body.decode()
    lines = [line for line in text.split("\\n") if line.strip()]
    result = answer(model, lines, text, content_type, accept)
    return result if isinstance(result, str) else "\\n".join(result)
`;

/** One prediction a record: twice the number. */
export const doubling = inference('return [str(2 * int(line)) for line in lines]');
