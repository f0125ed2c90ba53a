"""What the request says, what the server says in /execution-parameters, and SageMaker's defaults."""

DEFAULT_STRATEGY = "MultiRecord"
DEFAULT_PAYLOAD_MB = 6
DEFAULT_CONCURRENT = 1
# In variables and in /execution-parameters the strategies have other names than in the request.
STRATEGY_VARIABLES = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}


class Settings:
    """In this order of precedence."""

    def __init__(self, config, parameters):
        strategies = {variable: name for name, variable in STRATEGY_VARIABLES.items()}
        said = parameters.get("BatchStrategy")
        strategy = config.get("batchStrategy") or strategies.get(said, said) or DEFAULT_STRATEGY
        payload = first(config.get("maxPayloadInMB"), parameters.get("MaxPayloadInMB"), DEFAULT_PAYLOAD_MB)
        # 0 is SageMaker's way to say "not set" here.
        concurrent = config.get("maxConcurrentTransforms") or parameters.get("MaxConcurrentTransforms") or DEFAULT_CONCURRENT
        self.by_line = config["splitType"] == "Line"
        self.single_record = strategy == "SingleRecord"
        # 0 is no limit: the body is streamed.
        self.max_payload_mb = payload
        self.max_payload_bytes = int(payload * 1024 * 1024)
        self.concurrent = concurrent
        self.assemble_lines = config["assembleWith"] == "Line"
        self.content_type = config.get("contentType")
        self.accept = config.get("accept")
        self.timeout_seconds = config["invocationTimeoutSeconds"]


def first(*values):
    return next(value for value in values if value is not None)


def check_parameters(parameters):
    if not isinstance(parameters, dict):
        raise ValueError("the answer is not a JSON object")
    if parameters.get("BatchStrategy") not in (None, *STRATEGY_VARIABLES, *STRATEGY_VARIABLES.values()):
        raise ValueError("BatchStrategy is {!r}".format(parameters["BatchStrategy"]))
    for name in ("MaxPayloadInMB", "MaxConcurrentTransforms"):
        value = parameters.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100:
            raise ValueError("{} is {!r}; it must be a whole number from 0 to 100".format(name, value))
