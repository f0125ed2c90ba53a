"""The few calls of the engine's HTTP API that a supervisor needs: over a socket, TCP, TLS or ssh, standard library only."""
import http.client
import json
import socket
import subprocess
from urllib.parse import quote, urlencode

CALL_SECONDS = 60
CONNECT_SECONDS = 10


class Unreachable(Exception):
    """The engine does not answer: it is away, or being restarted."""


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
        """None, or why the container cannot be started."""
        status, body = self._call("POST", "/containers/%s/start" % quote(name))
        return None if status in (204, 304) else _message(body)

    def signal(self, name, number):
        """No error if the container is over or gone."""
        self._call("POST", "/containers/%s/kill?%s" % (quote(name), urlencode({"signal": number})))

    def events(self, since, label):
        """A response of one JSON object a line, without end."""
        return self._open(_events(label, since=since))

    def past_events(self, since, until, label):
        """Lines, those that the engine still remembers."""
        status, body = self._call("GET", _events(label, since=since, until=until))
        if status != 200:
            raise Unreachable(_message(body))
        return body.splitlines()

    def logs(self, name, since, follow=True):
        """A response of frames, ended when the container is; None if there is no such container."""
        return self._open(_logs(name, follow=int(follow), since=since))

    def last_log(self, name):
        """The last frame alone; None if the container is gone or silent."""
        status, body = self._call("GET", _logs(name, tail=1))
        return body if status == 200 and body else None

    def _call(self, method, path):
        connection = self._connect()
        try:
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
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            # What follows may be silent for as long as the job runs.
            connection.sock and connection.sock.settimeout(None)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unreachable(str(error)) from error
        if answer.status == 404:
            connection.close()
            return None
        if answer.status != 200:
            raise Unreachable(_message(answer.read()))
        return answer

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


def _events(label, **times):
    filters = json.dumps({"type": ["container"], "label": [label]})
    return "/events?" + urlencode({"filters": filters, **{name: "%.9f" % at for name, at in times.items()}})


def open_socket(address):
    if address["kind"] == "socket":
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.settimeout(CONNECT_SECONDS)
        connected.connect(address["path"])
        return connected
    if address["kind"] == "tcp":
        connected = socket.create_connection((address["host"], address["port"]), CONNECT_SECONDS)
        return _secure(connected, address) if address["tls"] else connected
    return _through_ssh(address)


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
        subprocess.Popen(address["command"], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, start_new_session=True)
    return ours


def _message(body):
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:1000].decode("utf-8", "replace")
