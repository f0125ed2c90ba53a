"""Brings the logs of the job's containers into the one file `log.txt`."""
import os
import struct
import threading

from api import Unreachable

RETRY_SECONDS = 0.5
BLOCK_BYTES = 1 << 20
HEADER = struct.Struct(">BxxxL")


class Log:
    """The file that all the containers write to, whole lines of several of them one after another."""

    def __init__(self, path):
        # From its start: who took over from a supervisor that was killed brings everything anew.
        self._file = open(path, "wb", buffering=0)
        self._lock = threading.Lock()

    def write(self, data):
        with self._lock:
            self._file.write(data)


def follow(api, container, log, over):
    """A reader that ends when the container has no more to say. `over` is set when the job is."""
    return Reader(api, container.name, container.prefix, log, over)


def write_anew(api, containers, path):
    """Podman's stream leaves lines out when a container is quick, and its times have no fractions; what it has kept is whole."""
    log = Log(path + ".new")
    for container in containers:
        writer = _Writer(container.prefix, log)
        answer = api.logs(container.name, 0, follow=False)
        if answer is None:
            return
        _copy(answer, writer)
        writer.close()
    os.rename(path + ".new", path)


class Reader(threading.Thread):
    def __init__(self, api, name, prefix, log, over):
        super().__init__(daemon=True)
        self._api = api
        self._name = name
        self._writer = _Writer(prefix, log)
        self._over = over
        self.start()

    @property
    def leaves_out(self):
        return self._writer.times_are_coarse

    def run(self):
        last = False
        while not last:
            # Once more after the end of the job: the engine may have been away when the container said its last words.
            last = self._over.is_set()
            try:
                answer = self._api.logs(self._name, self._writer.resume())
                if answer is None:
                    break
                _copy(answer, self._writer)
            except Unreachable:
                pass
            self._over.wait(RETRY_SECONDS)
        self._writer.close()


def _copy(answer, writer):
    """Returns at the end of the stream, or when the connection breaks."""
    data = b""
    try:
        while True:
            block = answer.read1(BLOCK_BYTES)
            if not block:
                return
            data = writer.write_frames(data + block)
    except (OSError, ValueError):
        return
    finally:
        answer.close()


class _Writer:
    """Takes the times off the frames; they tell where to go on when the stream breaks."""

    def __init__(self, prefix, log):
        self._prefix = prefix
        self._log = log
        self._line = b""
        self._last = b""
        # Parts of a long line share their time.
        self._written_at_last = 0
        self._to_skip = 0

    @property
    def times_are_coarse(self):
        return bool(self._last) and b"." not in self._last

    def resume(self):
        """Since when the log is wanted: Unix time with nanoseconds. What has that very time comes once more."""
        self._to_skip = self._written_at_last
        return _unix_time(self._last) if self._last else 0

    def write_frames(self, data):
        """Each is a line, or a part of a long one, after its time. Returns the beginning of one that isn't whole yet."""
        texts, start = [], 0
        while len(data) - start >= HEADER.size:
            end = start + HEADER.size + HEADER.unpack_from(data, start)[1]
            if end > len(data):
                break
            time, _, text = data[start + HEADER.size : end].partition(b" ")
            if self._is_new(time):
                texts.append(text)
            start = end
        self._write(b"".join(texts))
        return data[start:]

    def _is_new(self, time):
        if time == self._last and self._to_skip > 0:
            self._to_skip -= 1
            return False
        self._to_skip = 0
        self._written_at_last = self._written_at_last + 1 if time == self._last else 1
        self._last = time
        return True

    def _write(self, text):
        if self._prefix:
            *lines, self._line = (self._line + text).split(b"\n")
            text = b"".join(self._prefix + line + b"\n" for line in lines)
        if text:
            self._log.write(text)

    def close(self):
        if self._line:
            self._log.write(self._prefix + self._line + b"\n")


def _unix_time(text):
    import calendar
    import time

    whole, _, fraction = text.decode("ascii").rstrip("Z").partition(".")
    return "%d.%s" % (calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")), fraction or "0")
