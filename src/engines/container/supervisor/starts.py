"""When the job was started, in which start of the machine, and which of its containers could not be."""
import json
import os

REFUSED = "refused-starts"


def read_started():
    """Empty if a loss of power has left a part of it: that was in another start of the machine."""
    try:
        with open("started.json", encoding="utf-8") as file:
            return json.load(file)
    except ValueError:
        return {}


def boot():
    """Which start of the machine this is: its monotonic clock means nothing in another."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def write_refusal(container):
    """What the engine answered to a start, for a supervisor that takes over: it does not ask again."""
    line = json.dumps({"name": container.name, "error": container.error, "missing": container.misses}) + "\n"
    descriptor = os.open(REFUSED, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def recall_refusals(containers):
    if not os.path.exists(REFUSED):
        return
    by_name = {container.name: container for container in containers}
    with open(REFUSED, encoding="utf-8") as file:
        for line in file:
            try:
                refused = json.loads(line)
            except ValueError:
                # A loss of power has left a part of it: that was in another start of the machine.
                continue
            container = by_name[refused["name"]]
            container.error, container.misses = refused["error"], refused["missing"]
