"""Runs a program on which the kernel lays no restriction of Landlock any more: `without_landlock.py OPTIONS PROGRAM …`. Sixteen layers is
the most that a process may have, and each of these allows all that it handles."""
import ctypes
import os
import runpy
import struct
import sys

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PATH_BENEATH = 1
# What would be forbidden in any layer that does not handle it: to move from one folder to another.
REFER = 1 << 13
SET_NO_NEW_PRIVS = 38

libc = ctypes.CDLL(None)
libc.prctl(SET_NO_NEW_PRIVS, *[ctypes.c_ulong(value) for value in (1, 0, 0, 0)])
ruleset = libc.syscall(CREATE_RULESET, struct.pack("=Q", REFER), ctypes.c_size_t(8), 0)
if ruleset >= 0:
    root = os.open("/", os.O_PATH)
    libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", REFER, root), 0)
    while libc.syscall(RESTRICT_SELF, ruleset, 0) == 0:
        pass
    os.close(root)
    os.close(ruleset)
program = next(index for index, word in enumerate(sys.argv) if index > 0 and word.endswith("main.py"))
sys.argv = sys.argv[program:]
runpy.run_path(sys.argv[0], run_name="__main__")
