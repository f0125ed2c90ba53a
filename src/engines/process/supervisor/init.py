"""PID 1 of a job, in a namespace or without one: starts the command, reaps, and leaves nothing behind when it is over."""
# `signal` costs 5 ms of every job, for its enums; this is the module beneath it.
import _signal as signal
import errno
import os
import select
import sys
import time

TERMINATE = b"T"
KILL = b"K"


def run_init(plan, files, commands, status):
    """Never returns. `commands` is the lifeline: at its end, when the supervisor is gone, so is everything here."""
    wake = _wake_up_on(signal.SIGCHLD)
    # Only the supervisor ends a job: who signals every process of a service reaches the job itself anyway.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        _run_job(plan, files)
    os.close(files["log"])
    result = _watch(job, commands, wake)
    kill_descendants(job, plan.settings["isolation"] == "namespaces")
    if result is None:
        result = _wait(job, 0)
    write_line(status, "over %d" % result)
    os._exit(0)


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
            if descriptor == commands and (data == b"" or KILL in data):
                return None
            if descriptor == commands:
                _signal_group(job, signal.SIGTERM)


def _reap(job):
    """Collects every child that is over."""
    while True:
        try:
            pid, result = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if pid == job:
            return result
        if pid == 0:
            return None


def _wait(pid, otherwise):
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return otherwise


def _wake_up_on(*numbers):
    """A descriptor to poll: it becomes readable when one of the signals arrives."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return readable


wake_up_on = _wake_up_on


def _signal_group(leader, number):
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        # Over, or not yet a leader: it signals itself when it finds no way to run.
        try:
            os.kill(leader, number)
        except ProcessLookupError:
            pass


def kill_descendants(leader, in_namespace):
    """Kills all that the job left, daemons included. macOS has no way to find those that left its process group."""
    _signal_group(leader, signal.SIGKILL)
    if in_namespace:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return
    while sys.platform == "linux" and _has_children():
        for pid in _descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        time.sleep(0.001)


def _has_children():
    """Orphans come to this process, so that without children it has no descendants. Leaves the children unreaped."""
    try:
        while True:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None:
                return True
            if os.waitpid(found.si_pid, os.WNOHANG)[0] == 0:
                return True
    except ChildProcessError:
        return False


def _descendants(root):
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found = []
    pending = [root]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


def _run_job(plan, files):
    """Becomes the job's command."""
    try:
        os.setsid()
        if plan.settings["isolation"] != "namespaces" and sys.platform == "linux":
            from namespaces import die_with_parent

            die_with_parent()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for descriptor, source in ((0, files["null"]), (1, files["log"]), (2, files["log"])):
            os.dup2(source, descriptor)
        os.set_inheritable(files["alive"], True)
        os.umask(0o022)
        os.chdir(plan.settings["workingFolder"])
        os.execvpe(plan.arguments[0], plan.arguments, plan.environment)
    except OSError as error:
        write_line(2, "sluice: cannot run %s: %s" % (plan.arguments[0], error.strerror))
        os._exit(127 if error.errno == errno.ENOENT else 126)
    finally:
        os._exit(126)


def write_line(descriptor, text):
    try:
        os.write(descriptor, os.fsencode(text.replace("\n", " ") + "\n"))
    except OSError:
        # The reader is gone, and with it everybody who would want to know.
        pass
