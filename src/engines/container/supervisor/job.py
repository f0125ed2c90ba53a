"""The containers of one job: which are started and when, and what brings them to their end."""
import json
import os
import queue
import signal
import threading
import time

from api import Api, Unreachable
from container import Container
from logs import Log, follow, unix_time, write_anew
from records import now

LOG = "log.txt"
TIMED_OUT = "timed-out"
# There once the supervisor ends what is left of a job by itself: who takes over must not take its signals for somebody else's.
ENDING = "ending"
TERM, KILL = int(signal.SIGTERM), int(signal.SIGKILL)
# Events say when to look; this is for those that were missed.
LOOK_SECONDS = 5
RETRY_SECONDS = 0.5
KILL_AGAIN_SECONDS = 2
# A service has nothing more to do when the job itself is over.
SERVICE_GRACE_SECONDS = 5
# An engine that stays away so much longer than the job may run is not coming back.
PATIENCE_SECONDS = 3600
# How long a stopped job's log may still come.
STOPPED_LOG_SECONDS = 5


class Job:
    def __init__(self, plan, control):
        self._api = Api(plan["address"])
        self._label = plan["label"]
        self._containers = [Container(one["name"], one["role"], one["prefix"].encode()) for one in plan["containers"]]
        self._grace = plan["stopGraceSeconds"]
        self._deadline = time.monotonic() + _remaining(plan["maxRuntimeSeconds"])
        self._control = control
        self._log = Log(LOG)
        self._news = queue.Queue()
        self._over = threading.Event()
        # When those that were asked to end are killed.
        self._kill_at = None
        self._engine_was_away = False
        self._rebooted = _started()["boot"] != boot()
        if os.path.exists(ENDING):
            for container in self._containers:
                container.sent.update((TERM, KILL))

    def run(self):
        """What became of the containers; None if their engine is gone for good."""
        for read in (self._read_control, self._read_events):
            threading.Thread(target=read, daemon=True).start()
        while not self._take_a_step():
            if time.monotonic() > self._deadline + PATIENCE_SECONDS:
                return None
        self._over.set()
        self._complete_log()
        return {"endedAt": now(), "cause": self._cause(), "containers": [one.facts() for one in self._containers]}

    def _complete_log(self):
        readers = [container.log for container in self._containers if container.log is not None]
        if not self._wait_for(readers):
            self._log.cut("the job was stopped")
            return
        try:
            if any(reader.leaves_out for reader in readers):
                write_anew(self._api, self._containers, LOG)
        except Unreachable:
            # Then the log stays as it is.
            pass

    def _wait_for(self, readers):
        """An engine may hand over a log more slowly than the job wrote it: who stops a job does not wait for all of it."""
        left = STOPPED_LOG_SECONDS
        for reader in readers:
            while reader.is_alive() and left > 0:
                reader.join(RETRY_SECONDS)
                if _stop_requested():
                    left -= RETRY_SECONDS
        return not any(reader.is_alive() for reader in readers)

    def _take_a_step(self):
        """True when nothing of the job is left to run."""
        try:
            for container in self._containers:
                container.look(self._api)
            self._start_waiting()
            if not any(one.is_live or (one.is_waiting and self._may_start()) for one in self._containers):
                self._hear_the_rest()
                return True
            self._end_what_must()
        except Unreachable:
            self._engine_was_away = True
            time.sleep(RETRY_SECONDS)
            return False
        self._engine_was_away = False
        self._wait()
        return False

    def _start_waiting(self):
        """In their order: a main container may need the network of the service before it."""
        for container in self._containers:
            if container.is_waiting and self._may_start():
                container.start(self._api)
            if container.log is None and container.has_started:
                container.log = follow(self._api, container, self._log, self._over)

    def _may_start(self):
        return self._kill_at is None and not _stop_requested() and not self._has_failed()

    def _has_failed(self):
        """Whether one came to an end that all the others cannot do without."""
        mains = [one for one in self._containers if one.is_main]
        services = [one for one in self._containers if not one.is_main]
        return (
            any(one.error is not None for one in self._containers)
            or any(not (one.is_open or one.is_good) for one in mains)
            or (any(one.is_open for one in mains) and any(not one.is_open for one in services))
        )

    def _end_what_must(self):
        if self._kill_at is None:
            grace = self._grace_of_an_end()
            if grace is None:
                return
            number, self._kill_at = TERM, time.monotonic() + grace
        elif time.monotonic() >= self._kill_at:
            number, self._kill_at = KILL, time.monotonic() + KILL_AGAIN_SECONDS
        else:
            return
        _touch(ENDING)
        for container in self._containers:
            if container.is_live:
                container.signal(self._api, number)

    def _grace_of_an_end(self):
        """Seconds that those still running have; None if nothing asks them to end."""
        if time.monotonic() >= self._deadline and not _stop_requested():
            _touch(TIMED_OUT)
            return self._grace
        if _stop_requested() or self._has_failed():
            return self._grace
        if not any(one.is_open for one in self._containers if one.is_main):
            return min(self._grace, SERVICE_GRACE_SECONDS)
        return None

    def _wait(self):
        """Until there are news, or something is due."""
        due = min(LOOK_SECONDS, (self._kill_at or self._deadline) - time.monotonic())
        try:
            self._news.get(timeout=max(due, 0.01))
        except queue.Empty:
            pass

    def _cause(self):
        """What brought the job to its end, if that was not the job itself."""
        if os.path.exists(TIMED_OUT):
            return "timedOut"
        if _stop_requested():
            return "stopped"
        # Who shut the machine down may have had the job exit with 0 half way: only its engine heard the signal.
        if self._rebooted:
            return "interrupted"
        mains = [one for one in self._containers if one.is_main]
        if self._engine_was_away and any(one.was_killed or one.signalled_by_others for one in mains):
            return "interrupted"
        # Whatever its exit code: nobody knows what it would have done yet. One that is gone tells for itself.
        if any(one.signalled_by_others and not one.is_gone for one in mains):
            return "stoppedByOthers"
        if any(one.signalled_by_others for one in self._containers) and not all(one.is_good for one in mains):
            return None if any(one.is_gone for one in mains) else "stoppedByOthers"
        return None

    def _read_control(self):
        while os.read(self._control, 512):
            self._news.put("control")

    def _read_events(self):
        since = time.time() - 1
        while not self._over.is_set():
            try:
                for line in self._api.events(since, self._label) or ():
                    event = json.loads(line)
                    since = event["timeNano"] / 1e9
                    self._hear(event["Action"], event["Actor"]["Attributes"])
            except (Unreachable, OSError, ValueError):
                # The engine is away; a look tells when it is back.
                pass
            self._news.put("lost")
            self._over.wait(RETRY_SECONDS)

    def _hear_the_rest(self):
        """The signals of which the thread that listens may not know: the engine remembers its last events."""
        lives = [one.life for one in self._containers if one.life is not None]
        if not lives:
            return
        since = min(unix_time(start) for start, _ in lives)
        # The clock of the engine may be another.
        until = min(time.time(), max(unix_time(end) for _, end in lives) + 1)
        for line in self._api.past_events(since, until, self._label):
            event = json.loads(line)
            self._hear(event["Action"], event["Actor"]["Attributes"])

    def _hear(self, action, attributes):
        if action == "kill":
            number = attributes.get("signal")
            for container in self._containers:
                if container.name == attributes.get("name") and number in (str(TERM), str(KILL)):
                    container.hear_of_signal(int(number))
        elif action in ("die", "destroy"):
            self._news.put(action)


def _touch(path):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _stop_requested():
    return os.path.exists("stop")


def _started():
    with open("started.json", encoding="utf-8") as file:
        return json.load(file)


def _remaining(limit):
    """Seconds of the limit that are left, by a clock that nobody sets."""
    started = _started()
    if started["boot"] != boot():
        return limit
    return limit - (time.monotonic() - started["monotonic"] / 1000)


def boot():
    """Which start of the machine this is: its monotonic clock means nothing in another."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""
