"""When the job was started, and in which start of the machine."""
import json


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
