"""Keeps a process without namespaces from writing to its inputs, by Landlock: https://docs.kernel.org/userspace-api/landlock.html

What a job may write to has to be told, for nothing can be denied below what is allowed. So folders above an input are closed: what
lies directly in them is neither made, changed nor removed.
"""
import ctypes
import os
import struct

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
# To remove (bits 4 and 5), to make something of any kind (6 to 12), to move or link from one folder to another (13).
CHANGE_FOLDER = sum(1 << bit for bit in range(4, 14))
WRITING = WRITE_FILE | TRUNCATE | CHANGE_FOLDER


def protect(inputs, own):
    """From this process and its descendants, with the folder `own` left to them. Privileges can't be had by exec any more.

    Not those in /dev, where every program writes. OSError where the kernel has no Landlock.
    """
    inputs = {path for path in map(os.path.realpath, inputs) if not (path + "/").startswith("/dev/")}
    if not inputs:
        return
    version = _call(SYS_CREATE_RULESET, None, 0, GET_VERSION)
    if version < LEAST_VERSION:
        raise OSError("Landlock of version %d" % version)
    handled = struct.pack("=Q", WRITING)
    ruleset = _call(SYS_CREATE_RULESET, handled, len(handled), 0)
    try:
        above = {parent for path in inputs for parent in _parents(path)}
        # The kernel knows folders by inode: to allow a second mount of one of these would allow this one.
        closed = {_identity(os.stat(path)) for path in inputs | above}
        for path in _beside("/", inputs, above):
            _allow(ruleset, path, closed)
        for path in ("/dev", own):
            _allow(ruleset, path, set())
        forbid_new_privileges()
        _call(SYS_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _parents(path):
    while path != "/":
        path = os.path.dirname(path)
        yield path


def _identity(info):
    return info.st_dev, info.st_ino


def _beside(folder, inputs, above):
    """The folders that lie in those above an input, and are not above one themselves."""
    if folder in inputs:
        return
    try:
        entries = [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        # It may be passed, but not read.
        entries = [path for path in above if os.path.dirname(path) == folder]
    for path in entries:
        if path in above:
            yield from _beside(path, inputs, above)
        else:
            yield path


def _allow(ruleset, path, closed):
    try:
        folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        # Gone meanwhile, or not to be reached: nor is it for the job.
        return
    try:
        if _identity(os.fstat(folder)) not in closed:
            _call(SYS_ADD_RULE, ruleset, RULE_PATH_BENEATH, struct.pack("=Qi", WRITING, folder), 0)
    finally:
        os.close(folder)


def _call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    check(result, "Landlock")
    return result
