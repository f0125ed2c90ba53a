"""The containers of one job: which are started and when, and what brings them to their end."""
import os
import queue
import signal
import threading
import time

from api import Api, Unreachable
from container import KILL, Container
from events import Events
from logs import Log, follow, write_anew
from records import now
from signals import Signals
from starts import boot, read_started, recall_refusals, write_refusal

LOG = "log.txt"
TIMED_OUT = "timed-out"
# There while the engine does not answer.
AWAY = "engine-away"
TERM = int(signal.SIGTERM)
# Events say when to look; this is for those that were missed.
LOOK_SECONDS = 5
RETRY_SECONDS = 0.5
KILL_AGAIN_SECONDS = 2
# A service has nothing more to do when the job itself is over.
SERVICE_GRACE_SECONDS = 5
# An engine that stays away so long, when the job should be over, is not coming back.
PATIENCE_SECONDS = 3600
# What the engine has to say of an end comes with it, unless nobody will ever know.
HEAR_SECONDS = 10
# Why the kernel killed may be told a little after the end.
REASON_SECONDS = 0.5
# How long a stopped job's log may still come.
STOPPED_LOG_SECONDS = 5
# A log of which nothing comes is asked for anew, and at last given up.
SILENT_LOG_SECONDS = 10
LOST_LOG_SECONDS = 600


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
        self._events = None
        self._signals = Signals(self._containers)
        recall_refusals(self._containers)
        # When those that were asked to end are killed.
        self._kill_at = None
        self._away_since = None
        # Just now, and in all the time of this supervisor.
        self._engine_was_away = False
        self._engine_was_ever_away = False
        self._is_given_up = False
        # Since when everything is over, but for what the engine has to say of it.
        self._over_since = None
        self._is_reopened = False
        self._rebooted = read_started().get("boot") != boot()

    def run(self):
        """What became of the containers."""
        self._events = Events(self._api, self._label, self._hear, self._over)
        threading.Thread(target=self._read_control, daemon=True).start()
        while not self._take_a_step():
            if self._away_since is not None and self._has_waited_in_vain():
                self._is_given_up = True
                break
        self._hear_why()
        self._over.set()
        self._complete_log()
        cause = "unreachable" if self._is_given_up else self._cause()
        return {"endedAt": now(), "cause": cause, "containers": [one.facts() for one in self._containers]}

    def _hear_why(self):
        until = time.monotonic() + REASON_SECONDS
        while any(one.was_killed_by_nobody for one in self._containers) and time.monotonic() < until:
            time.sleep(0.01)

    def _has_waited_in_vain(self):
        should_be_over = time.monotonic() >= self._deadline or _stop_requested()
        return should_be_over and time.monotonic() - self._away_since >= PATIENCE_SECONDS

    def _complete_log(self):
        if self._is_given_up:
            self._log.cut("the engine does not answer any more")
            return
        readers = [container.log for container in self._containers if container.log is not None]
        if not self._wait_for(readers):
            self._log.cut("the job was stopped" if _stop_requested() else "the engine does not hand over the rest")
            return
        try:
            if any(reader.leaves_out for reader in readers):
                write_anew(self._api, self._containers, LOG)
        except Unreachable:
            # Then the log stays as it is.
            pass

    def _wait_for(self, readers):
        """An engine may hand over a log more slowly than the job wrote it: who stops a job does not wait for all of it."""
        left, silent, progress = STOPPED_LOG_SECONDS, 0, 0
        while left > 0 and silent < LOST_LOG_SECONDS:
            alive = [reader for reader in readers if reader.is_alive()]
            if not alive:
                return True
            alive[0].join(RETRY_SECONDS)
            if _stop_requested():
                left -= RETRY_SECONDS
            before, progress = progress, sum(reader.progress for reader in readers)
            silent = silent + RETRY_SECONDS if progress == before else 0
            if silent > 0 and silent % SILENT_LOG_SECONDS == 0:
                for reader in alive:
                    reader.hang_up()
        return False

    def _take_a_step(self):
        """True when nothing of the job is left to run."""
        try:
            for container in self._containers:
                container.look(self._api)
            self._start_waiting()
            if not any(one.is_live or (one.is_waiting and self._may_start()) for one in self._containers):
                self._set_back()
                if self._has_heard_all():
                    return True
            else:
                self._end_what_must()
                self._set_back()
                self._engine_was_away = False
        except Unreachable:
            self._set_away()
            time.sleep(RETRY_SECONDS)
            return False
        self._wait()
        return False

    def _set_away(self):
        self._engine_was_away = self._engine_was_ever_away = True
        self._over_since = None
        if self._away_since is None:
            self._away_since = time.monotonic()
            _touch(AWAY)

    def _set_back(self):
        self._away_since = None
        if os.path.exists(AWAY):
            os.unlink(AWAY)

    def _has_heard_all(self):
        """The signals that led to an end are told before it: what ended a container is known when its end was told."""
        if self._cause_by_us() is not None or all(one.has_died for one in self._containers if one.is_over):
            return True
        if self._over_since is None:
            self._over_since, self._is_reopened = time.monotonic(), False
        over = time.monotonic() - self._over_since
        if over >= HEAR_SECONDS / 2 and not self._is_reopened:
            self._is_reopened = True
            self._events.reopen()
        return over >= HEAR_SECONDS

    def _start_waiting(self):
        """In their order: a main container may need the network of the service before it."""
        for container in self._containers:
            if container.is_waiting and self._may_start():
                container.start(self._api)
                if container.error is not None:
                    write_refusal(container)
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
        for container in self._containers:
            if container.is_live:
                self._signals.send(self._api, container, number)

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
        if self._over_since is not None:
            due = RETRY_SECONDS
        try:
            self._news.get(timeout=max(due, 0.01))
        except queue.Empty:
            pass

    def _cause_by_us(self):
        if os.path.exists(TIMED_OUT):
            return "timedOut"
        return "stopped" if _stop_requested() else None

    def _cause(self):
        """What brought the job to its end, if that was not the job itself."""
        by_us = self._cause_by_us()
        if by_us is not None:
            return by_us
        mains = [one for one in self._containers if one.is_main]
        # Who shut the machine or its engine down may have had the job exit with 0 half way: only its engine heard the signal.
        if self._rebooted or any(one.is_over and not self._is_certain(one) for one in mains):
            return "interrupted"
        if self._engine_was_away and any(one.was_killed or one.signalled_by_others for one in mains):
            return "interrupted"
        # Whatever its exit code: nobody knows what it would have done yet. One that is gone tells for itself.
        if any(one.signalled_by_others and not one.is_gone for one in mains):
            return "stoppedByOthers"
        if any(one.signalled_by_others for one in self._containers) and not all(one.is_good for one in mains):
            return None if any(one.is_gone for one in mains) else "stoppedByOthers"
        return None

    def _is_certain(self, container):
        """Whether it is known who ended it. An exit code that no signal brings about speaks for itself."""
        if container.has_died or not (container.is_good or container.was_killed):
            return True
        # Of an engine that never tells anything: it was there all the time, as was this supervisor.
        return not self._events.has_told and container.was_started_here and not self._engine_was_ever_away

    def _read_control(self):
        while os.read(self._control, 512):
            self._news.put("control")

    def _hear(self, action, attributes):
        """In the thread of the events."""
        for container in self._containers:
            if container.name != attributes.get("name"):
                continue
            number = attributes.get("signal")
            if action == "kill" and number in (str(TERM), str(KILL)):
                self._signals.hear(container, int(number))
            elif action == "oom":
                container.has_run_out_of_memory = True
            elif action == "die":
                container.has_died = True
        if action in ("die", "destroy", "lost"):
            self._news.put(action)


def _touch(path):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _stop_requested():
    return os.path.exists("stop")


def _remaining(limit):
    """Seconds of the limit that are left, by a clock that nobody sets."""
    started = read_started()
    if started.get("boot") != boot():
        return limit
    return limit - (time.monotonic() - started["monotonic"] / 1000)
