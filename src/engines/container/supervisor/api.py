"""The few calls of the engine's HTTP API that a supervisor needs: over a socket, TCP, TLS or ssh, standard library only."""
import http.client
import json
import socket
import subprocess
from urllib.parse import quote, urlencode

CALL_SECONDS = 60
CONNECT_SECONDS = 10
SILENCE_SECONDS = 60


class Unreachable(Exception):
    """The engine does not answer: it is away, or being restarted."""


class Missing(Exception):
    """The engine does not know what is needed, any more."""


class Stream:
    """An answer that ends when the engine has no more to say."""

    def __init__(self, answer, connected):
        self._answer = answer
        self._socket = connected

    def read(self, size):
        return self._answer.read1(size)

    def __iter__(self):
        return iter(self._answer)

    def close(self):
        self._answer.close()

    def hang_up(self):
        """By another thread than the one that reads, which then finds the end."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It is over already.
            pass


class Api:
    """Calls of one engine; a connection a call, so that threads share nothing."""

    def __init__(self, address):
        self._address = address

    def inspect(self, name):
        """The container, or None if there is none of this name."""
        status, body = self._call("GET", "/containers/%s/json" % quote(name))
        if status == 404:
            return None
        if status != 200:
            raise Unreachable(_message(body))
        return json.loads(body)

    def start(self, name):
        """None, or why the container cannot be started. Raises Missing if it, or what it needs, is gone."""
        # As long as it takes: a start that was given up could be done later, after another one and the end of the job.
        status, body = self._call("POST", "/containers/%s/start" % quote(name), limit=None)
        if status in (204, 304):
            return None
        if status in (502, 503, 504):
            raise Unreachable(_message(body))
        if status == 404:
            raise Missing(_message(body))
        return _message(body)

    def signal(self, name, number):
        """No error if the container is over or gone."""
        self._call("POST", "/containers/%s/kill?%s" % (quote(name), urlencode({"signal": number})))

    def events(self, label):
        """A stream of one JSON object a line, without end: those that the engine remembers, then the new ones."""
        return self._open(_events(label))

    def logs(self, name, since, follow=True):
        """A stream of frames, ended when the container is; None if there is no such container."""
        return self._open(_logs(name, follow=int(follow), since=since))

    def last_log(self, name):
        """The last frame alone; None if the container is gone or silent."""
        status, body = self._call("GET", _logs(name, tail=1))
        return body if status == 200 and body else None

    def _call(self, method, path, limit=CALL_SECONDS):
        connection = self._connect()
        try:
            connection.sock.settimeout(limit)
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(str(error)) from error
        finally:
            connection.close()

    def _open(self, path):
        connection = self._connect()
        # Without chunks, of which an engine makes one a line, and each costs as much as a block of many.
        connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"
        connected = connection.sock
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            # What follows may be silent for long. One that was silent for so long is opened anew: it may be dead.
            connected.settimeout(SILENCE_SECONDS)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unreachable(str(error)) from error
        if answer.status == 404:
            connection.close()
            return None
        if answer.status != 200:
            raise Unreachable(_message(answer.read()))
        return Stream(answer, connected)

    def _connect(self):
        connection = http.client.HTTPConnection("engine")
        try:
            connection.sock = open_socket(self._address)
        except (OSError, ValueError) as error:
            raise Unreachable(str(error)) from error
        connection.sock.settimeout(CALL_SECONDS)
        return connection


def _logs(name, **more):
    return "/containers/%s/logs?%s" % (quote(name), urlencode({"stdout": 1, "stderr": 1, "timestamps": 1, **more}))


def _events(label):
    filters = json.dumps({"type": ["container"], "label": [label]})
    return "/events?" + urlencode({"filters": filters, "since": 1})


def open_socket(address):
    if address["kind"] == "socket":
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.settimeout(CONNECT_SECONDS)
        connected.connect(address["path"])
        return connected
    if address["kind"] == "tcp":
        connected = socket.create_connection((address["host"], address["port"]), CONNECT_SECONDS)
        _keep_alive(connected)
        return _secure(connected, address) if address["tls"] else connected
    return _through_ssh(address)


def _keep_alive(connected):
    """A call without a limit ends when the other machine is gone."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _secure(connected, address):
    import ssl

    files = address["tls"]
    context = ssl.create_default_context(cafile=files["ca"])
    if not files["rejectUnauthorized"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if files["cert"]:
        context.load_cert_chain(files["cert"], files["key"])
    return context.wrap_socket(connected, server_hostname=address["host"])


def _through_ssh(address):
    """As the Docker CLI does it: the engine's own CLI at the other end passes the connection on."""
    ours, theirs = socket.socketpair()
    with theirs:
        # Nobody waits for it: it ends with the connection, and init reaps it.
        subprocess.Popen(
            address["command"],
            env=address["environment"],
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    return ours


def _message(body):
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:1000].decode("utf-8", "replace")
