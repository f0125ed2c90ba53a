"""The first process of a job, in a namespace or without one: starts the command, reaps, and leaves nothing behind."""
# `signal` costs 5 ms of every job, for its enums; this is the module beneath it.
import _signal as signal
import errno
import fcntl
import os
import select
import sys
import time

ALIVE_DESCRIPTOR = 100
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
TERMINATE = b"T"
KILL = b"K"


def run_init(plan, files, commands, status):
    """Never returns. `commands` is the lifeline: at its end, when the supervisor is gone, so is everything here."""
    wake = wake_up_on(signal.SIGCHLD)
    # A stop that comes while the job begins waits until it can be heard.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    job = os.fork()
    if job == 0:
        _run_job(plan, files)
    # Only the supervisor ends a job: who signals every process of a service reaches the job itself anyway.
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)
    _lead_group(job)
    write_line(status, "job %d" % job)
    os.close(files["log"])
    result = _watch(job, commands, wake)
    if result is None:
        if sys.platform != "linux":
            # Once the job itself is dead nothing shows there whose these were.
            for pid in _descendants(job):
                _kill(pid)
        _kill_group(job)
        result = os.waitpid(job, 0)[1]
    kill_descendants(job, plan.settings["isolation"] == "namespaces")
    write_line(status, "over %d" % result)
    os._exit(0)


def wake_up_on(*numbers):
    """A descriptor to poll: it becomes readable when one of the signals arrives."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return readable


def write_line(descriptor, text):
    try:
        os.write(descriptor, os.fsencode(text.replace("\n", " ") + "\n"))
    except OSError:
        # The reader is gone, and with it everybody who would want to know.
        pass


def _watch(job, commands, wake):
    """The wait status of the job once it is over, or None when it is to be killed."""
    poller = select.poll()
    poller.register(commands, select.POLLIN)
    poller.register(wake, select.POLLIN)
    while True:
        result = _reap(job)
        if result is not None:
            return result
        for descriptor, _ in poller.poll():
            data = os.read(descriptor, 512)
            if descriptor != commands:
                continue
            if data == b"" or KILL in data:
                return None
            # As a container's first process gets it: what it started would hear it twice where it tells them, as `train` does.
            _kill(job, signal.SIGTERM)


def _reap(job):
    """Collects every child that is over; the wait status of the job if it is among them."""
    while True:
        pid, result = os.waitpid(-1, os.WNOHANG)
        if pid == job:
            return result
        if pid == 0:
            return None


def _lead_group(pid):
    """Called on both sides of the fork, as shells do, so that neither runs on before the group is there."""
    try:
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError):
        # It has come to exec, or to its end, and did it itself before.
        pass


def _kill_group(leader):
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def kill_descendants(leader, in_namespace):
    """Kills and reaps all that the job left, daemons included. On macOS those that left its process group are not found."""
    if in_namespace:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
    elif sys.platform != "linux":
        if leader is not None:
            _kill_group(leader)
    else:
        # Orphans come to this process: without children it has no descendants.
        while _has_children():
            for pid in _descendants(os.getpid()):
                _kill(pid)
            time.sleep(0.001)


def _kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _has_children():
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
        return True
    except ChildProcessError:
        return False


def _descendants(root):
    children = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    found = []
    pending = [root]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


def _processes():
    """Process id and parent of every process."""
    if sys.platform != "linux":
        with os.popen("ps -axo pid=,ppid=") as lines:
            return [(int(pid), int(parent)) for pid, parent in (line.split() for line in lines)]
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    found.append((int(name), int(file.read().rpartition(b")")[2].split()[1])))
            except OSError:
                # It ended while we looked.
                pass
    return found


def _run_job(plan, files):
    """Becomes the job's command."""
    try:
        _lead_group(0)
        if plan.settings["isolation"] != "namespaces" and sys.platform == "linux":
            from namespaces import die_with_parent

            die_with_parent()
        _reset_signals()
        for descriptor, source in ((0, files["null"]), (1, files["log"]), (2, files["log"])):
            os.dup2(source, descriptor)
        # Out of the way of scripts that count on the first free number.
        fcntl.fcntl(files["alive"], fcntl.F_DUPFD, ALIVE_DESCRIPTOR)
        os.umask(0o022)
        os.chdir(plan.settings["workingFolder"])
        os.execvpe(plan.arguments[0], plan.arguments, plan.environment)
    except OSError as error:
        write_line(2, "sluice: cannot run %s: %s" % (plan.arguments[0], error.strerror))
        os._exit(127 if error.errno == errno.ENOENT else 126)
    except ValueError as error:
        write_line(2, "sluice: cannot run the job: %s" % error)
    finally:
        os._exit(126)


def _reset_signals():
    signal.set_wakeup_fd(-1)
    for number in ENDING_SIGNALS + (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
