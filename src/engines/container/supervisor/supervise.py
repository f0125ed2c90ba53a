"""Sees the containers of one job to their end and writes what became of them, whether or not the worker that made them lives.

The containers are the job: this process only starts them, stops them and tells. One that is killed is replaced by the next look
of an engine, and takes over what it finds.
"""
import fcntl
import json
import os
import time

from job import Job
from launch import answer
from records import claim, now, replace_durably
from starts import boot


def supervise(folder):
    os.chdir(folder)
    os.umask(0o022)
    if not _lock():
        answer("taken")
        return
    control = _open_control()
    if os.path.exists("outcome.json"):
        answer("taken")
        return
    with open("containers.json", encoding="utf-8") as file:
        plan = json.load(file)
    claim({"startedAt": now(), "monotonic": int(time.monotonic() * 1000), "boot": boot()})
    answer("started")
    replace_durably("outcome.json", json.dumps(Job(plan, control).run()))


def _lock():
    """Whether this is the only supervisor; the kernel frees the lock when the process ends, however it does."""
    descriptor = os.open("supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _open_control():
    """Held open by the supervisor: that is how an engine finds out whether there is one."""
    try:
        os.mkfifo("control", 0o600)
    except FileExistsError:
        pass
    return os.open("control", os.O_RDWR | os.O_CLOEXEC)
