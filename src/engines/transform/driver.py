"""
The batch-transform driver: the main process of a local transform job. Run as `python3 -I -S driver.py CONFIG`.

Starts the serving command unless a server runs already, waits for GET /ping, asks GET /execution-parameters, splits each
input, sends the parts to POST /invocations, and writes `<input>.out` in the order of the records.

A serving command that it starts inherits its listening socket as file descriptor 3 (LISTEN_FDS=1): nobody can take the port between
its choice and the server's start.

What counts as a record: with SplitType Line every line that is not blank, a CSV header included (SageMaker sends it too);
with SplitType None the whole file. An empty file has no records: nothing is sent, and its `.out` is empty.

Standard library only, Python 3.9 or later.
"""

import json
import os
import shutil
import signal
import sys
import traceback
from collections import deque
from concurrent.futures import ThreadPoolExecutor

# A job leaves nothing in the folder of the program.
sys.dont_write_bytecode = sys.pycache_prefix is None
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))  # python -I leaves it out
from failures import ConnectionFailure, FileFailure, JobFailure, RequestFailure, Stopped  # noqa: E402
from invocations import invoke  # noqa: E402
from outputs import Outputs  # noqa: E402
from records import split  # noqa: E402
from server import OwnServer, Server  # noqa: E402
from settings import Settings  # noqa: E402

# A server that obeys SIGTERM has this long; less when somebody waits for the job to stop.
STOP_GRACE_SECONDS = 5
CANCEL_GRACE_SECONDS = 2
FAILURE_CHARACTERS = 1024
COPY_BYTES = 1 << 16


def main(config_path):
    with open(config_path, encoding="utf-8") as file:
        config = json.load(file)
    outputs = Outputs(config["outputDir"])
    try:
        signal.signal(signal.SIGTERM, raise_stopped)
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
    server = OwnServer(config) if config["serve"] else Server(config)
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


def leave_sigterm_to_the_main_thread():
    # Its handler runs there; a signal that another thread takes would not wake it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def transform_files(inputs, settings, server, outputs):
    files, failures, requests = [], [], 0
    # Not joined: a request that is still under way ends with the server.
    pool = ThreadPoolExecutor(max_workers=settings.concurrent, initializer=leave_sigterm_to_the_main_thread)
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
        shutil.copyfileobj(body, output, COPY_BYTES)
    if settings.assemble_lines and response.last_byte != b"\n":
        output.write(b"\n")
    return response.batch.last


def write_result(path, result):
    os.makedirs(os.path.dirname(path), exist_ok=True)
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
