"""Starts the supervisor of containers: `python -I -S main.py JOB_FOLDER`, or `main.py --fork-server` to start many.

Only the launcher: Python caches the byte code of imported modules, never that of the script itself.
"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "..", "local", "python")]

from launch import close_inherited, job_folder  # noqa: E402


def load():
    import supervise  # noqa: F401


if __name__ == "__main__":
    close_inherited()
    folder = job_folder(load)
    from supervise import supervise

    supervise(folder)
