"""Runs a program whose clock is set by so many seconds as soon as a file is there: `jumping_clock.py FILE SECONDS OPTIONS PROGRAM …`."""
import os
import runpy
import sys
import time

file, seconds = sys.argv[1], float(sys.argv[2])
true_time = time.time
time.time = lambda: true_time() + (seconds if os.path.exists(file) else 0)
program = next(index for index, word in enumerate(sys.argv) if index > 2 and word.endswith("main.py"))
sys.argv = sys.argv[program:]
runpy.run_path(sys.argv[0], run_name="__main__")
