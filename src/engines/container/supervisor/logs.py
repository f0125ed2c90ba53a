"""Brings the logs of the job's containers into the one file `log.txt`."""
import os
import struct
import threading

from api import Unreachable

RETRY_SECONDS = 0.5
BLOCK_BYTES = 1 << 20
# What is given up of a log that does not fit.
ROOM_BYTES = 1 << 18
HEADER = struct.Struct(">BxxxL")
# A line with more than this of several containers is broken: they have to wait for its end, and in memory.
LINE_BYTES = 1 << 16
SECOND_CHARACTERS = len("2006-01-02T15:04:05")


class Log:
    """The file that all the containers write to, whole lines of several of them one after another."""

    def __init__(self, path):
        # From its start: who took over from a supervisor that was killed brings everything anew.
        self._file = open(path, "wb", buffering=0)
        self._lock = threading.Lock()
        self._is_cut = False

    def write(self, data):
        with self._lock:
            if not self._is_cut:
                self._write(memoryview(data))

    def _write(self, data):
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            # A full disk ends neither the job nor this supervisor, which needs some room to say how the job ended.
            self._file.truncate(max(0, self._file.tell() - ROOM_BYTES))
            self._file.seek(0, os.SEEK_END)
            self._end(error.strerror)

    def cut(self, reason):
        with self._lock:
            if not self._is_cut:
                self._end(reason)

    def _end(self, reason):
        self._is_cut = True
        self._file.write(b"\nsluice: the log ends here: %s\n" % reason.encode())


def follow(api, container, log, over):
    """A reader that ends when the container has no more to say. `over` is set when the job is."""
    return Reader(api, container.name, container.prefix, log, over)


def write_anew(api, containers, path):
    """Podman's stream leaves lines out when a container is quick, and its times have no fractions; what it has kept is whole."""
    log = Log(path + ".new")
    for container in containers:
        writer = _Writer(container.prefix, log)
        stream = api.logs(container.name, 0, follow=False)
        if stream is None:
            return
        _copy(stream, writer)
        writer.close()
    os.rename(path + ".new", path)


class Reader(threading.Thread):
    def __init__(self, api, name, prefix, log, over):
        super().__init__(daemon=True)
        self._api = api
        self._name = name
        self._writer = _Writer(prefix, log)
        self._over = over
        self._stream = None
        # Grows with what comes.
        self.progress = 0
        self.start()

    def hang_up(self):
        """For a stream that may have died without a word: what is missing is asked for again."""
        if self._stream is not None:
            self._stream.hang_up()

    @property
    def leaves_out(self):
        return self._writer.times_are_coarse

    def run(self):
        last = False
        while not last:
            last = self._over.is_set()
            try:
                # After the end of the job: the engine may have been away when the container said its last words.
                if last and self._writer.has(self._api.last_log(self._name)):
                    break
                self._stream = self._api.logs(self._name, self._writer.resume())
                if self._stream is None:
                    break
                _copy(self._stream, self._writer, self._come)
            except Unreachable:
                pass
            self._over.wait(RETRY_SECONDS)
        self._writer.close()

    def _come(self, count):
        self.progress += count


def _copy(stream, writer, tell=lambda count: None):
    """Returns at the end of the stream, or when the connection breaks."""
    data = b""
    try:
        while True:
            block = stream.read(BLOCK_BYTES)
            if not block:
                return
            tell(len(block))
            data = writer.write_frames(data + block)
    except (OSError, ValueError):
        return
    finally:
        stream.close()


class _Writer:
    """Takes the times off the frames; they tell where to go on when the stream breaks.

    Two streams of a container may be written down a little out of order, so the last two seconds are asked for again, and as
    many frames of that time as there were already are skipped.
    """

    def __init__(self, prefix, log):
        self._prefix = prefix
        self._log = log
        self._line = b""
        # Frames by the second of their time.
        self._counts = {}
        self._to_skip = 0
        self._last = None

    @property
    def times_are_coarse(self):
        return self._last is not None and b"." not in self._last[HEADER.size :].partition(b" ")[0]

    def has(self, frame):
        """Whether this is the last one that came."""
        return frame == self._last

    def resume(self):
        """Since when the log is wanted: Unix time, whole seconds."""
        seconds = sorted(self._counts)[-2:]
        # The times of an engine whose clock was set back may come in any order.
        since = unix_time(seconds[0]) if seconds else 0
        self._to_skip = sum(count for second, count in self._counts.items() if unix_time(second) >= since)
        return int(since)

    def write_frames(self, data):
        """Each is a line, or a part of a long one, after its time. Returns the beginning of one that isn't whole yet."""
        texts, last, start = [], 0, 0
        while len(data) - start >= HEADER.size:
            end = start + HEADER.size + HEADER.unpack_from(data, start)[1]
            if end > len(data):
                break
            time, _, text = data[start + HEADER.size : end].partition(b" ")
            if self._is_new(time[:SECOND_CHARACTERS]):
                texts.append(text)
            last, start = start, end
        if start > 0:
            self._last = bytes(data[last:start])
        self._write(b"".join(texts))
        return data[start:]

    def _is_new(self, second):
        if self._to_skip > 0:
            self._to_skip -= 1
            return False
        if second not in self._counts:
            self._counts = {known: count for known, count in self._counts.items() if known in sorted(self._counts)[-3:]}
        self._counts[second] = self._counts.get(second, 0) + 1
        return True

    def _write(self, text):
        if self._prefix:
            *lines, self._line = (self._line + text).split(b"\n")
            if len(self._line) > LINE_BYTES:
                lines, self._line = [*lines, self._line], b""
            text = b"".join(self._prefix + line + b"\n" for line in lines)
        if text:
            self._log.write(text)

    def close(self):
        if self._line:
            self._log.write(self._prefix + self._line + b"\n")


def unix_time(text):
    """Of a time as engines write it: with nanoseconds or without, in UTC or with an offset."""
    import calendar
    import time

    text = text.decode("ascii") if isinstance(text, bytes) else text
    rest = text[SECOND_CHARACTERS:].rstrip("Z")
    fraction = rest[: len(rest) - len(rest.lstrip(".0123456789"))]
    offset = rest[len(fraction) :]
    seconds = calendar.timegm(time.strptime(text[:SECOND_CHARACTERS], "%Y-%m-%dT%H:%M:%S")) + float(fraction or 0)
    if not offset:
        return seconds
    hours, minutes = offset[1:].split(":")
    return seconds - int(offset[0] + "1") * (int(hours) * 3600 + int(minutes) * 60)
