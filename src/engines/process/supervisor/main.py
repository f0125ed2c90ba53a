"""Starts the supervisor: `python -I -S main.py JOB_FOLDER`, or `main.py --probe` to try the namespaces.

Only the launcher: Python caches the byte code of imported modules, never that of the script itself.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

if __name__ == "__main__":
    if sys.argv[1] == "--probe":
        from namespaces import probe

        sys.exit(probe())
    from supervise import supervise

    supervise(sys.argv[1])
