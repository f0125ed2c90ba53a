"""The files by which a supervisor tells the engine what becomes of its job.

`json` isn't imported here: with `re` and `enum` it doubles the time that Python takes to start.
"""
import os
import time


def now():
    seconds = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % (seconds % 1 * 1000)


def to_json(record):
    """A flat object of strings, whole numbers, booleans and null."""
    return "{" + ",".join(_quote(key) + ":" + _value(value) for key, value in record.items()) + "}\n"


def _value(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _quote(value)


def _quote(text):
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character):
    code = ord(character)
    if character in '"\\':
        return "\\" + character
    if code < 32 or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF:
        return "\\u%04x" % code
    return character


def write_beside(name, text):
    """Under a name of this process; the caller links or renames it into place."""
    path = "%s.%d" % (name, os.getpid())
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def claim(record):
    """Makes `started.json`, whole, unless it is there: whoever makes it is the only one that may start the job."""
    path = write_beside("started.json", to_json(record))
    try:
        os.link(path, "started.json")
        return True
    except FileExistsError:
        return False
    finally:
        os.unlink(path)


def replace_durably(name, text):
    """The end of a job of hours is worth the milliseconds; without, a loss of power could leave an empty file."""
    path = write_beside(name, text)
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    os.rename(path, name)


def write_exit(record):
    replace_durably("exit.json", to_json(record))
