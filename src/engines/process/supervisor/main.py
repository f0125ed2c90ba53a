"""Starts the supervisor: `python -I -S main.py JOB_FOLDER`; `main.py --wait` to be told the folder by standard input, or
`main.py --probe` to try the namespaces.

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


def wait_for_folder():
    """What is slow is done by then. Without a folder nobody needs this supervisor: the engine has ended."""
    if sys.platform == "linux":
        import namespaces  # noqa: F401
    import outputs  # noqa: F401

    data = b""
    while not data.endswith(b"\0"):
        more = os.read(0, 4096)
        if not more:
            sys.exit(0)
        data += more
    folder = os.fsdecode(data[:-1])
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    try:
        log = os.open(os.path.join(folder, "supervisor.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except PermissionError:
        # It is for complaints about Sluice itself; a job runs without.
        log = os.dup(null)
    os.dup2(log, 2)
    for descriptor in (null, log):
        os.close(descriptor)
    return folder


if __name__ == "__main__":
    close_inherited()
    if sys.argv[1] == "--probe":
        from namespaces import probe

        sys.exit(probe())
    from supervise import supervise

    supervise(wait_for_folder() if sys.argv[1] == "--wait" else sys.argv[1])
