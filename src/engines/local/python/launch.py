"""How a supervisor comes to its job: `main.py JOB_FOLDER`, or `main.py --wait` and the folder by standard input."""
import os
import sys


def job_folder(load):
    """`load` imports what is slow to import: a spare supervisor has done so when its job comes."""
    if sys.argv[1] != "--wait":
        return sys.argv[1]
    load()
    return wait_for_folder()


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
    """Returns the job's folder once the engine has said it. Without one nobody needs this supervisor: the engine has ended."""
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
