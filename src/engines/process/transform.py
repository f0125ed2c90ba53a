"""
The batch-transform driver: the main process of a local transform job. Run as `python3 -I -S transform.py CONFIG`.

Starts the serving command, waits for GET /ping, asks GET /execution-parameters, splits each input, sends the parts to
POST /invocations, and writes `<input>.out` in the order of the records.

The serving command inherits its listening socket as file descriptor 3 (LISTEN_FDS=1): nobody can take the port between
its choice and the server's start.

What counts as a record: with SplitType Line every line that is not blank, a CSV header included (SageMaker sends it too);
with SplitType None the whole file. An empty file has no records: nothing is sent, and its `.out` is empty.

Standard library only, Python 3.9 or later.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections import deque
from concurrent.futures import ThreadPoolExecutor

HOST = "127.0.0.1"
SERVER_SOCKET = 3
PING_INTERVAL_SECONDS = 0.05
PING_TIMEOUT_SECONDS = 2
# SageMaker's defaults.
DEFAULT_STRATEGY = "MultiRecord"
DEFAULT_PAYLOAD_MB = 6
DEFAULT_CONCURRENT = 1
STRATEGY_VARIABLES = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
# A server that obeys SIGTERM has this long; less when somebody waits for the job to stop.
STOP_GRACE_SECONDS = 5
CANCEL_GRACE_SECONDS = 2
FAILURE_CHARACTERS = 1024
BODY_CHARACTERS = 200
BLOCK_BYTES = 1 << 16
# Longer responses wait for their turn on disk.
RESPONSE_IN_MEMORY_BYTES = 8 << 20
LINE_TYPES = ("text/csv", "application/jsonlines", "application/x-jsonlines", "application/jsonl", "application/x-ndjson")


class Stopped(Exception):
    """SIGTERM."""


class JobFailure(Exception):
    """Ends the job: no further file is tried."""


class FileFailure(Exception):
    """Ends one file; the others are still processed, as SageMaker does."""


class RequestFailure(Exception):
    """A request that was not answered as it must be."""


class ConnectionFailure(RequestFailure):
    """A request that was not answered, perhaps because the server has ended."""


def main(config_path):
    with open(config_path, encoding="utf-8") as file:
        config = json.load(file)
    outputs = Outputs(config["outputDir"])
    signal.signal(signal.SIGTERM, raise_stopped)
    try:
        result = run(config, outputs)
    except Stopped:
        outputs.remove()
        return 128 + signal.SIGTERM
    except JobFailure as error:
        return fail(config, str(error))
    except Exception as error:
        traceback.print_exc()
        return fail(config, "The transform driver failed: {}: {}".format(type(error).__name__, error))
    write_result(config["resultFile"], result)
    return 0


def run(config, outputs):
    server = Server(config)
    grace = STOP_GRACE_SECONDS
    try:
        try:
            server.start()
            server.wait_until_ready(config["startupTimeoutSeconds"])
            settings = Settings(config, server.execution_parameters())
            return transform_files(config["inputs"], settings, server, outputs)
        finally:
            # From here on the job ends anyway; a SIGTERM must not keep the server from being stopped.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except Stopped:
        grace = CANCEL_GRACE_SECONDS
        raise
    finally:
        server.stop(grace)


def raise_stopped(_signal, _frame):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


def transform_files(inputs, settings, server, outputs):
    files, failures, requests = [], [], 0
    # Not joined: a request that is still under way ends with the server.
    pool = ThreadPoolExecutor(max_workers=settings.concurrent)
    try:
        for item in inputs:
            try:
                sent, records = transform_file(item, settings, server, outputs, pool)
            except FileFailure as error:
                if len(inputs) > 1:
                    log(str(error))
                failures.append(str(error))
                server.check()
            else:
                requests += sent
                files.append({"name": item["name"] + ".out", "records": records})
                log("{}: records: {}, requests: {}".format(item["name"], records, sent))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if failures:
        count = " ({} of {} files failed.)".format(len(failures), len(inputs)) if len(inputs) > 1 else ""
        raise JobFailure(failures[0][: FAILURE_CHARACTERS - len(count)] + count)
    server.check()
    return {"records": sum(file["records"] for file in files), "files": files, "requests": requests}


def transform_file(item, settings, server, outputs, pool):
    """Writes one `.out` and returns how many requests and records that took."""
    name = item["name"]
    requests = records = 0
    # Twice what is in flight: one slow request does not leave the others idle while its successors wait for their turn.
    waiting, window = deque(), 2 * settings.concurrent
    try:
        with open(item["path"], "rb") as source, outputs.open(name) as output:
            for batch in split(source, settings):
                server.check()
                if len(waiting) == window:
                    records = append(waiting.popleft().result(), settings, output)
                waiting.append(pool.submit(invoke, server.port, batch, settings))
                requests += 1
            while waiting:
                records = append(waiting.popleft().result(), settings, output)
        outputs.publish(name)
    except RequestFailure as error:
        if isinstance(error, ConnectionFailure):
            server.check(wait_seconds=1)
        raise FileFailure("{}, {}".format(name, error)) from error
    except OSError as error:
        raise FileFailure("{}: {}".format(name, error)) from error
    finally:
        for future in waiting:
            future.cancel()
        outputs.discard(name)
    return requests, records


def append(response, settings, output):
    """Adds a response to the output; returns the number of records so far."""
    with response.body as body:
        body.seek(0)
        shutil.copyfileobj(body, output, BLOCK_BYTES)
    if settings.assemble_lines and response.last_byte != b"\n":
        output.write(b"\n")
    return response.batch.last


class Settings:
    """What the request says, else what the server says, else SageMaker's defaults."""

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


class Batch:
    """Records `first` to `last` of a file, counted from 1; `body` is bytes, or an iterable of bytes that moves `last` on."""

    def __init__(self, first, last, body, size):
        self.first = first
        self.last = last
        self.body = body
        self.size = size

    def __str__(self):
        return "record {}".format(self.first) if self.last <= self.first else "records {}–{}".format(self.first, self.last)


def split(source, settings):
    size = os.fstat(source.fileno()).st_size
    if size == 0:
        return iter(())
    if settings.by_line:
        return split_lines(source, settings)
    limit = settings.max_payload_bytes
    if limit and size > limit:
        raise RequestFailure(
            "the whole file is one request with SplitType None, and its {} bytes are more than MaxPayloadInMB {} allows. "
            "Set SplitType Line or raise MaxPayloadInMB.".format(size, settings.max_payload_mb)
        )
    return iter([Batch(1, 1, source, size if limit else None)])


def split_lines(source, settings):
    limit = settings.max_payload_bytes
    if limit == 0 and not settings.single_record:
        stream = Batch(1, 0, None, None)
        stream.body = read_blocks(source, stream)
        # A file of blank lines has no records, and nothing is sent for it.
        start = next(stream.body, None)
        if start is not None:
            stream.body = chain_blocks(start, stream.body)
            yield stream
        return
    number, lines, size = 0, [], 0
    for line in read_records(source, settings):
        if lines and (settings.single_record or size + len(line) > limit):
            yield Batch(number - len(lines) + 1, number, b"".join(lines), size)
            lines, size = [], 0
        number += 1
        lines.append(line)
        size += len(line)
    if lines:
        yield Batch(number - len(lines) + 1, number, b"".join(lines), size)


def read_records(source, settings):
    """The lines that are not blank, with their ends as they are. Never more than one payload of a line is held."""
    limit = settings.max_payload_bytes
    number = 0
    while True:
        line = source.readline(limit + 1 if limit else -1)
        if not line:
            return
        if limit and len(line) > limit:
            raise RequestFailure(
                "record {} is longer than MaxPayloadInMB {} allows ({} bytes). Raise MaxPayloadInMB, or check that the file "
                "has line ends.".format(number + 1, settings.max_payload_mb, limit)
            )
        if line.strip():
            number += 1
            yield line


def read_blocks(source, batch):
    block, size = [], 0
    for line in source:
        if not line.strip():
            continue
        batch.last += 1
        block.append(line)
        size += len(line)
        if size >= BLOCK_BYTES:
            yield b"".join(block)
            block, size = [], 0
    if block:
        yield b"".join(block)


def chain_blocks(start, rest):
    yield start
    yield from rest


class Response:
    def __init__(self, batch, body, lines, last_byte):
        self.batch = batch
        self.body = body
        self.lines = lines
        self.last_byte = last_byte


def invoke(port, batch, settings):
    """Sends one batch, in a thread of the pool. Raises RequestFailure for any answer but 200 with all its records."""
    headers = {"Connection": "close"}
    if settings.content_type:
        headers["Content-Type"] = settings.content_type
    if settings.accept:
        headers["Accept"] = settings.accept
    if batch.size is not None:
        headers["Content-Length"] = str(batch.size)
    deadline = time.monotonic() + settings.timeout_seconds
    connection = http.client.HTTPConnection(HOST, port, timeout=settings.timeout_seconds)
    try:
        try:
            # Without a Content-Length http.client sends chunks.
            connection.request("POST", "/invocations", body=batch.body, headers=headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a server may refuse a body before it has read it all: its answer says why
        # getresponse gives the socket to the response; the time that is left is set on it before each read.
        connected = connection.sock
        connected.settimeout(remaining(deadline))
        answer = connection.getresponse()
        response = read_response(answer, batch, connected, deadline)
        if answer.status != 200:
            raise RequestFailure("{}: the server answered {}: {}".format(batch, answer.status, excerpt(response.body)))
        check_records(response, answer, settings)
        return response
    except socket.timeout as error:
        raise RequestFailure(
            "{}: no answer within {} s (invocation timeout).".format(batch, settings.timeout_seconds)
        ) from error
    except http.client.RemoteDisconnected as error:
        raise ConnectionFailure(
            "{}: the server closed the connection without an answer; its process may have crashed or run out of memory. "
            "See the log.".format(batch)
        ) from error
    except (http.client.HTTPException, OSError) as error:
        raise ConnectionFailure("{}: the request failed: {}: {}".format(batch, type(error).__name__, error)) from error
    finally:
        connection.close()


def read_response(answer, batch, connected, deadline):
    body = tempfile.SpooledTemporaryFile(max_size=RESPONSE_IN_MEMORY_BYTES)
    lines, last_byte, in_record = 0, b"", False
    # Some Python versions close the response with its last byte, others with the read after it.
    while not answer.isclosed():
        connected.settimeout(remaining(deadline))
        block = answer.read1(BLOCK_BYTES)
        if not block:
            break
        body.write(block)
        last_byte = block[-1:]
        *ended, rest = block.split(b"\n")
        for line in ended:
            lines += in_record or bool(line.strip())
            in_record = False
        in_record = in_record or bool(rest.strip())
    # read1 does not mind a body that ends too early.
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)
    return Response(batch, body, lines + in_record, last_byte)


def remaining(deadline):
    # 0 would mean "do not block".
    return max(deadline - time.monotonic(), 0.001)


def check_records(response, answer, settings):
    """A prediction too few or too many would shift all that follow to the wrong records."""
    if not settings.by_line:
        return
    kind = (settings.accept or answer.headers.get("Content-Type", "")).split(";")[0].strip().lower()
    expected = response.batch.last - response.batch.first + 1
    if kind in LINE_TYPES:
        count = response.lines
    elif kind == "application/json" and expected > 1:
        count = count_array(response.body)
    else:
        return
    if count is not None and count != expected:
        raise RequestFailure(
            "{}: sent {} records, got {} predictions. With SplitType Line the inference script must answer with one "
            "prediction a record.".format(response.batch, expected, count)
        )


def count_array(body):
    body.seek(0)
    try:
        value = json.load(body)
    except ValueError:
        return None
    return len(value) if isinstance(value, list) else None


def excerpt(body):
    body.seek(0)
    # Never cut a character in two: four bytes are the longest.
    text = body.read(4 * BODY_CHARACTERS).decode("utf-8", "replace")
    return " ".join(text[:BODY_CHARACTERS].split()) or "(empty body)"


class Server:
    """The serving command, in a process group of its own."""

    def __init__(self, config):
        self._config = config
        self._process = None
        self.port = None

    def start(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind((HOST, 0))
            listener.listen(128)
            self.port = listener.getsockname()[1]
            os.environ.update(self._variables())
            prepare = in_server_process(listener.fileno())
            try:
                # What this process inherited goes on to the server: a lock on the job must live as long as the server does.
                self._process = subprocess.Popen(self._config["serve"], close_fds=False, preexec_fn=prepare)
            except OSError as error:
                raise JobFailure("The server could not be started: {}".format(error)) from error

    def _variables(self):
        config = self._config
        strategy = config.get("batchStrategy") or DEFAULT_STRATEGY
        timeout = os.environ.get("SAGEMAKER_MODEL_SERVER_TIMEOUT") or config["invocationTimeoutSeconds"]
        return {
            "SAGEMAKER_BASE_DIR": config["baseDir"],
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_BATCH_STRATEGY": STRATEGY_VARIABLES[strategy],
            "SAGEMAKER_BIND_TO_HOST": HOST,
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(config.get("maxConcurrentTransforms") or DEFAULT_CONCURRENT),
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(first(config.get("maxPayloadInMB"), DEFAULT_PAYLOAD_MB)),
            # Its default of 60 s would end requests that may take longer here.
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": str(timeout),
            "LISTEN_FDS": "1",
        }

    def wait_until_ready(self, timeout_seconds):
        deadline = time.monotonic() + timeout_seconds
        while True:
            self.check()
            answer = self._ping(min(PING_TIMEOUT_SECONDS, remaining(deadline)))
            if answer == 200:
                return
            if time.monotonic() > deadline:
                raise JobFailure(
                    "The server did not answer GET /ping with 200 within {} s (the last answer: {}). See the log.".format(
                        timeout_seconds, answer
                    )
                )
            time.sleep(PING_INTERVAL_SECONDS)

    def _ping(self, timeout_seconds):
        try:
            return self._get("/ping", timeout_seconds)[0]
        except (OSError, http.client.HTTPException) as error:
            return "{}: {}".format(type(error).__name__, error)

    def execution_parameters(self):
        try:
            status, body = self._get("/execution-parameters", PING_TIMEOUT_SECONDS)
            parameters = json.loads(body) if status == 200 else {}
            check_parameters(parameters)
            return parameters
        except (OSError, http.client.HTTPException) as error:
            self.check(wait_seconds=1)
            reason = "{}: {}".format(type(error).__name__, error)
        except ValueError as error:
            reason = str(error)
        raise JobFailure("GET /execution-parameters failed: {}. See the log.".format(reason))

    def _get(self, path, timeout_seconds):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout_seconds)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def check(self, wait_seconds=0):
        """Raises JobFailure if the server has ended, which it must not do by itself."""
        try:
            code = self._process.wait(wait_seconds) if wait_seconds else self._process.poll()
        except subprocess.TimeoutExpired:
            return
        if code is not None:
            how = "was killed by signal {}".format(-code) if code < 0 else "ended with exit code {}".format(code)
            raise JobFailure("The server {} before the transform was done. See the log.".format(how))

    def stop(self, grace_seconds):
        if self._process is None:
            return
        # To the server alone, which tells its workers; then to what has stayed, also when the server itself has ended.
        self._process.terminate()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
            pass
        self._process.wait()


def check_parameters(parameters):
    if not isinstance(parameters, dict):
        raise ValueError("the answer is not a JSON object")
    if parameters.get("BatchStrategy") not in (None, *STRATEGY_VARIABLES, *STRATEGY_VARIABLES.values()):
        raise ValueError("BatchStrategy is {!r}".format(parameters["BatchStrategy"]))
    for name in ("MaxPayloadInMB", "MaxConcurrentTransforms"):
        value = parameters.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100:
            raise ValueError("{} is {!r}; it must be a whole number from 0 to 100".format(name, value))


def in_server_process(listener):
    """What the child does between fork and exec."""
    prctl = None
    if sys.platform == "linux":
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    set_parent_death_signal = 1

    def prepare():
        os.setpgid(0, 0)
        if prctl:  # a driver that is killed cannot stop its server
            prctl(set_parent_death_signal, signal.SIGTERM)
        if listener != SERVER_SOCKET:
            try:
                os.set_inheritable(os.dup(SERVER_SOCKET), os.get_inheritable(SERVER_SOCKET))
            except OSError:
                pass  # descriptor 3 is free
            os.dup2(listener, SERVER_SOCKET)
        os.set_inheritable(SERVER_SOCKET, True)
        os.environ["LISTEN_PID"] = str(os.getpid())

    return prepare


class Outputs:
    """Files that appear whole or not at all."""

    def __init__(self, folder):
        self._folder = folder
        self._names = []

    def open(self, name):
        self._names.append(name)
        part = self._part(name)
        os.makedirs(os.path.dirname(part), exist_ok=True)
        return open(part, "wb")

    def publish(self, name):
        os.replace(self._part(name), self._whole(name))

    def discard(self, name):
        remove(self._part(name))

    def remove(self):
        for name in self._names:
            remove(self._part(name))
            remove(self._whole(name))

    def _whole(self, name):
        return os.path.join(self._folder, name + ".out")

    def _part(self, name):
        return self._whole(name) + ".part"


def remove(path):
    try:
        os.remove(path)
    except FileNotFoundError:
        pass


def write_result(path, result):
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(result, file)
    os.replace(path + ".part", path)


def fail(config, message):
    log(message)
    path = config["failureFile"]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        # A server that could not start has said why in its own words.
        with open(path, "x", encoding="utf-8", errors="replace") as file:
            file.write(message[:FAILURE_CHARACTERS])
    except FileExistsError:
        pass
    return 1


def log(message):
    print("transform: " + message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    # Not sys.exit, which would wait for requests that nobody waits for any more.
    os._exit(code)
