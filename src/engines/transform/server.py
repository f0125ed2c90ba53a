"""The serving command: its start, its readiness and its end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

from failures import JobFailure
from invocations import HOST
from settings import DEFAULT_CONCURRENT, DEFAULT_PAYLOAD_MB, DEFAULT_STRATEGY, STRATEGY_VARIABLES, check_parameters, first

INHERITED_SOCKET = 3
PING_INTERVAL_SECONDS = 0.05
PING_TIMEOUT_SECONDS = 2
# Asked once only: a busy machine must not fail the job here.
PARAMETERS_TIMEOUT_SECONDS = 30
PR_SET_PDEATHSIG = 1


class Server:
    """A server that runs already, in a container of its own: its engine sees to its end, and ends this driver with it."""

    def __init__(self, config):
        self._config = config
        self.port = config.get("port")

    def start(self):
        pass

    def check(self, wait_seconds=0):
        pass

    def stop(self, grace_seconds):
        pass

    def wait_until_ready(self, timeout_seconds):
        deadline = time.monotonic() + timeout_seconds
        while True:
            self.check()
            answer = self._ping()
            if answer == 200:
                return
            if time.monotonic() > deadline:
                raise JobFailure(
                    "The server did not answer GET /ping with 200 within {} s (the last answer: {}). See the log.".format(
                        timeout_seconds, answer
                    )
                )
            time.sleep(PING_INTERVAL_SECONDS)

    def _ping(self):
        try:
            return self._get("/ping", PING_TIMEOUT_SECONDS)[0]
        except (OSError, http.client.HTTPException) as error:
            return "{}: {}".format(type(error).__name__, error)

    def execution_parameters(self):
        try:
            status, body = self._get("/execution-parameters", PARAMETERS_TIMEOUT_SECONDS)
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
            # Left to be closed by its finalizer it would drop the `Stopped` that a signal raises there.
            with connection.getresponse() as answer:
                return answer.status, answer.read()
        finally:
            connection.close()

class OwnServer(Server):
    """The serving command, in a process group of its own."""

    def __init__(self, config):
        super().__init__(config)
        self._process = None

    def start(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind((HOST, 0))
            listener.listen(128)
            self.port = listener.getsockname()[1]
            os.environ.update(self._variables())
            prepare = in_server_process(listener.fileno())
            # A SIGTERM in the middle of this would leave a server that nobody knows.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            try:
                # What this process inherited goes on to the server: a lock on the job must live as long as the server does.
                self._process = subprocess.Popen(self._config["serve"], close_fds=False, preexec_fn=prepare)
            except OSError as error:
                raise JobFailure("The server could not be started: {}".format(error)) from error
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])

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


def in_server_process(listener):
    """What the child does between fork and exec."""
    prctl = None
    if sys.platform == "linux":
        import ctypes

        prctl = ctypes.CDLL(None).prctl

    def prepare():
        os.setpgid(0, 0)
        if prctl:  # a driver that is killed cannot stop its server
            prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if listener != INHERITED_SOCKET:
            keep_inherited(INHERITED_SOCKET)
            os.dup2(listener, INHERITED_SOCKET)
        os.set_inheritable(INHERITED_SOCKET, True)
        os.environ["LISTEN_PID"] = str(os.getpid())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])

    return prepare


def keep_inherited(descriptor):
    """Moves what this process inherited as this descriptor, such as a lock, to another one."""
    try:
        if os.get_inheritable(descriptor):
            os.set_inheritable(os.dup(descriptor), True)
    except OSError:
        pass  # it is free
