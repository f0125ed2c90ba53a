"""Starts the supervisor: `python -I -S main.py JOB_FOLDER`; `main.py --fork-server` to start many, or `main.py --probe` to try the
namespaces.

Only the launcher: Python caches the byte code of imported modules, never that of the script itself.
"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "..", "local", "python")]

from launch import close_inherited, job_folder  # noqa: E402


def load():
    if sys.platform == "linux":
        import namespaces  # noqa: F401
    import outputs  # noqa: F401

    # What its archives need.
    import gzip  # noqa: F401
    import tarfile  # noqa: F401


if __name__ == "__main__":
    close_inherited()
    if sys.argv[1] == "--probe":
        from namespaces import probe

        sys.exit(probe())
    from supervise import supervise

    supervise(job_folder(load))
