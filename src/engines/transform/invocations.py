"""One request to POST /invocations, and what its answer must be."""

import http.client
import json
import socket
import tempfile
import time

from failures import ConnectionFailure, RequestFailure

HOST = "127.0.0.1"
BODY_CHARACTERS = 200
BLOCK_BYTES = 1 << 16
# Longer responses wait for their turn on disk.
RESPONSE_IN_MEMORY_BYTES = 8 << 20
LINE_TYPES = ("text/csv", "application/jsonlines", "application/x-jsonlines", "application/jsonl", "application/x-ndjson")


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
