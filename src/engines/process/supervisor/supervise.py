"""Runs one job to its end and writes how it ended, whether or not the worker that started it is still there."""
# `signal` costs 5 ms of every job, for its enums; this is the module beneath it.
import _signal as signal
import errno
import os
import select
import sys
import time

from init import KILL, TERMINATE, kill_descendants, run_init, wake_up_on, write_line
from launch import answer
from plan import read_plan
from records import claim, now, write_exit

# For an init that works this takes milliseconds.
KILL_SECONDS = 2


def supervise(folder):
    os.chdir(folder)
    os.umask(0o022)
    plan = read_plan()
    # Both are open before the claim, so that a started job which nobody holds open is always a lost one.
    files = {"alive": _open_fifo("alive"), "control": _open_fifo("control")}
    started_at = now()
    claimed = claim({"startedAt": started_at, "supervisor": os.getpid()})
    answer("started" if claimed else "taken")
    if not claimed:
        return
    if not plan.whole:
        ending = {"outcome": "lost", "error": "the plan of its folder is damaged, as after a loss of power; nothing was run"}
    elif os.path.exists("stop"):
        ending = {"outcome": "stopped"}
    else:
        ending = _run(plan, files)
        _discard(plan.copies)
    write_exit({"startedAt": started_at, "endedAt": now(), **ending})


def _open_fifo(name):
    try:
        os.mkfifo(name, 0o600)
    except FileExistsError:
        pass
    return os.open(name, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _run(plan, files):
    """What happened to the job, and to its outputs if it succeeded."""
    wake = wake_up_on(signal.SIGTERM, signal.SIGINT)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    killed_before = _out_of_memory_kills()
    inputs = _look_at_inputs(plan)
    job = Job(plan, files)
    # Only now, so that it is loaded while the job runs.
    from outputs import conclude

    ending = job.watch(files["control"], wake)
    if ending["outcome"] != "exited":
        return ending
    ending["outOfMemory"] = killed_before != _out_of_memory_kills()
    if ending["exitCode"] == 0:
        ending["error"] = _complain_of_inputs(inputs)
    return conclude(plan, ending, lambda: _stop_requested(files["control"], wake))


def _discard(copies):
    """Copies of inputs, which nobody needs any more: the inputs are where they were."""
    if copies:
        from outputs import remove

        for path in copies:
            remove(path)


def _protect_inputs(plan):
    from landlock import protect

    try:
        protect(plan.watched, os.getcwd())
    except OSError:
        # What the job does to them is seen afterwards.
        pass


def _look_at_inputs(plan):
    if not plan.watched:
        return {}
    from inputs import look

    return look(plan.watched)


def _complain_of_inputs(seen):
    if not seen:
        return None
    from inputs import first_change

    changed = first_change(seen)
    if changed is None:
        return None
    return "its input %s was changed while the job ran; inputs are to be read only" % changed


def _stop_requested(control, wake):
    """A signal to the supervisor asks for the same as the engine does by the file `stop` and a byte as a nudge."""
    poller = select.poll()
    poller.register(control, select.POLLIN)
    poller.register(wake, select.POLLIN)
    return any(os.read(descriptor, 512) for descriptor, _ in poller.poll(0))


def _out_of_memory_kills():
    """Processes that the kernel killed for want of memory, of the whole machine: a hint, not a proof."""
    try:
        with open("/proc/vmstat") as file:
            return next((line for line in file if line.startswith("oom_kill ")), None)
    except OSError:
        return None


class Job:
    """The tree of processes below this one."""

    def __init__(self, plan, files):
        self._in_namespaces = plan.settings["isolation"] == "namespaces"
        self._limit = float(plan.settings["maxRuntimeSeconds"])
        self._grace = float(plan.settings["stopGraceSeconds"])
        self._lines = b""
        self._leader = None
        self._init = None
        self._error = None
        self._denied = False
        self._killing = False
        self._result = None
        files["log"] = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        files["null"] = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        commands, self._commands = os.pipe()
        self._status, status = os.pipe()
        if sys.platform == "linux":
            from namespaces import adopt_orphans

            adopt_orphans()
        self._child = os.fork()
        if self._child == 0:
            for descriptor in (self._commands, self._status, files["control"]):
                os.close(descriptor)
            _become_init(plan, files, commands, status)
        for descriptor in (commands, status, files["log"], files["null"]):
            os.close(descriptor)

    def watch(self, control, wake):
        """Returns when nothing of the job is left."""
        deadline, cause = time.monotonic() + self._limit, None
        poller = select.poll()
        for descriptor in (self._status, control, wake):
            poller.register(descriptor, select.POLLIN)
        while True:
            seconds = max(0.0, deadline - time.monotonic())
            ready = {descriptor for descriptor, _ in poller.poll(min(seconds * 1000 + 1, 3.6e6))}
            if self._status in ready and not self._read_status():
                break
            asked = [os.read(descriptor, 512) for descriptor in ready - {self._status}]
            if cause is None and (asked or time.monotonic() >= deadline):
                cause = "stopped" if asked else "timedOut"
                write_line(self._commands, TERMINATE.decode())
                deadline = time.monotonic() + self._grace
            elif cause is not None and time.monotonic() >= deadline:
                deadline = self._insist()
        self._leave_nothing()
        return self._ending(cause)

    def _insist(self):
        """Has the job killed; or its init, if that was killed or stopped by the job and doesn't obey any more."""
        if not self._killing:
            self._killing = True
            write_line(self._commands, KILL.decode())
            return time.monotonic() + KILL_SECONDS
        os.kill(self._init or self._child, signal.SIGKILL)
        return float("inf")

    def _read_status(self):
        """False at the end of the pipe: the init is over."""
        data = os.read(self._status, 4096)
        *lines, self._lines = (self._lines + data).split(b"\n")
        for line in lines:
            word, _, rest = os.fsdecode(line).partition(" ")
            if word == "init":
                self._init = int(rest)
            elif word == "job":
                self._leader = int(rest)
            elif word == "over":
                self._result = int(rest)
            elif word in ("failed", "denied"):
                self._error, self._denied = rest, word == "denied"
        return data != b""

    def _leave_nothing(self):
        """Waits for the init: the end of a PID namespace is seen only when all in it are gone."""
        if not self._in_namespaces:
            kill_descendants(self._leader, False)
        for pid in (self._child, self._init):
            try:
                if pid is not None:
                    os.waitpid(pid, 0)
            except ChildProcessError:
                pass

    def _ending(self, cause):
        exit_code = signal_number = None
        if self._result is not None and os.WIFSIGNALED(self._result):
            signal_number = os.WTERMSIG(self._result)
        elif self._result is not None:
            exit_code = os.WEXITSTATUS(self._result)
        if cause is not None:
            outcome = cause
        elif self._error is not None:
            outcome = "startFailed"
        else:
            outcome = "exited" if self._result is not None else "lost"
        return {"outcome": outcome, "exitCode": exit_code, "signal": signal_number, "error": self._error, "denied": self._denied}


def _become_init(plan, files, commands, status):
    """Never returns."""
    try:
        if plan.settings["isolation"] == "namespaces":
            from namespaces import enter, settle

            enter(plan.settings["mlFolder"], plan.inputs)
            init = os.fork()
            if init != 0:
                write_line(status, "init %d" % init)
                os._exit(0)
            settle()
        elif sys.platform == "linux":
            from namespaces import adopt_orphans

            # Not inherited from the supervisor.
            adopt_orphans()
            if plan.watched:
                _protect_inputs(plan)
        run_init(plan, files, commands, status)
    except PermissionError as error:
        # A file that the user may not read; the kernel's "no" to namespaces is EPERM, which is another thing.
        write_line(status, "%s %s" % ("denied" if error.errno == errno.EACCES else "failed", error))
    except Exception as error:
        write_line(status, "failed %s" % error)
    finally:
        os._exit(1)
