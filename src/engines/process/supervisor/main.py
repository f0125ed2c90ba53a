"""Starts the supervisor: `python -I -S main.py JOB_FOLDER`, or `main.py --probe` to try the namespaces.

Only the launcher: Python caches the byte code of imported modules, never that of the script itself.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def close_inherited():
    """What the engine's own parent left open must not live as long as the job."""
    for name in os.listdir("/dev/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                # The one that listed the folder is closed by now.
                pass


if __name__ == "__main__":
    close_inherited()
    if sys.argv[1] == "--probe":
        from namespaces import probe

        sys.exit(probe())
    from supervise import supervise

    supervise(sys.argv[1])
