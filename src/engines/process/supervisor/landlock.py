"""Keeps a process without namespaces from writing to its inputs, by Landlock: https://docs.kernel.org/userspace-api/landlock.html

What a job may write to has to be told, for nothing can be denied below what is allowed. So folders above an input are closed: what
lies directly in them is neither made, changed nor removed.
"""
import ctypes
import os

from namespaces import check, forbid_new_privileges, libc

# The same numbers on every architecture.
SYS_CREATE_RULESET = 444
SYS_ADD_RULE = 445
SYS_RESTRICT_SELF = 446
GET_VERSION = 1
RULE_PATH_BENEATH = 1
# Of Linux 6.2. Before it a file could be emptied.
LEAST_VERSION = 3

WRITE_FILE, TRUNCATE = 1 << 1, 1 << 14
# To remove (1 << 4, 5), to make something of any kind (6 to 12), to move or link from one folder to another (13).
CHANGE_FOLDER = sum(1 << bit for bit in range(4, 14))
WRITING = WRITE_FILE | TRUNCATE | CHANGE_FOLDER


class _Ruleset(ctypes.Structure):
    _fields_ = [("handled", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def protect(inputs, own):
    """From this process and its descendants, with the folder `own` left to them. OSError where the kernel cannot: nothing changed."""
    version = _call(SYS_CREATE_RULESET, None, 0, GET_VERSION)
    if version < LEAST_VERSION:
        raise OSError("Landlock of version %d" % version)
    handled = _Ruleset(WRITING)
    ruleset = _call(SYS_CREATE_RULESET, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    try:
        _allow(ruleset, own)
        _allow_beside(ruleset, "/", {os.path.realpath(path) for path in inputs})
        forbid_new_privileges()
        _call(SYS_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow_beside(ruleset, folder, inputs):
    """All folders below `folder`, but for those that are inputs or above one."""
    above = {part for path in inputs for part in _parents(path)}
    try:
        entries = [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        # It may be passed, but not read.
        entries = [path for path in above if os.path.dirname(path) == folder]
    for path in entries:
        if path in above:
            _allow_beside(ruleset, path, inputs)
        elif path not in inputs:
            _allow(ruleset, path)


def _parents(path):
    while path != "/":
        path = os.path.dirname(path)
        yield path


def _allow(ruleset, path):
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        # Gone meanwhile, or not to be reached: nor is it for the job.
        return
    try:
        rule = _PathBeneath(WRITING, folder)
        _call(SYS_ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(folder)


def _call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    check(result, "Landlock")
    return result
