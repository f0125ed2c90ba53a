"""Runs a program on which the kernel lays no restriction of Landlock any more: `without_landlock.py OPTIONS PROGRAM …`. Sixteen layers is
the most that a process may have, and these forbid nothing but to make character devices."""
import ctypes
import os
import runpy
import sys

CREATE_RULESET, RESTRICT_SELF = 444, 446
MAKE_CHAR = ctypes.c_uint64(1 << 6)
SET_NO_NEW_PRIVS = 38

libc = ctypes.CDLL(None)
libc.prctl(SET_NO_NEW_PRIVS, *[ctypes.c_ulong(value) for value in (1, 0, 0, 0)])
ruleset = libc.syscall(CREATE_RULESET, ctypes.byref(MAKE_CHAR), ctypes.c_size_t(8), 0)
if ruleset >= 0:
    while libc.syscall(RESTRICT_SELF, ruleset, 0) == 0:
        pass
    os.close(ruleset)
program = next(index for index, word in enumerate(sys.argv) if index > 0 and word.endswith("main.py"))
sys.argv = sys.argv[program:]
runpy.run_path(sys.argv[0], run_name="__main__")
