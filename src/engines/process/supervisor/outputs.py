"""What a job that is over leaves: its messages, and its outputs, which appear whole or not at all."""
import errno
import os
import stat

CHUNK = 1 << 20
FAILURE_CHARACTERS = 1024
MESSAGE_BYTES = 1024


class Stopped(Exception):
    pass


def conclude(plan, ending, stop_requested):
    """The ending with the job's own words; commits the outputs if it succeeded."""
    ending["failure"] = _read_failure()
    if ending["exitCode"] != 0 or ending["error"] is not None:
        return ending
    if plan.settings["kind"] == "Processing":
        ending.update(_read_message())
    if ending.get("messageInvalid"):
        return ending
    if plan.settings["kind"] == "Transform":
        ending["records"] = _read_records()
    try:
        _commit(plan, stop_requested)
    except Stopped:
        ending["outcome"] = "stopped"
    except OSError as error:
        denied = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        ending.update(outcome="commitFailed", error=str(error), denied=denied)
    return ending


def _read_failure():
    data = _read_head("ml/output/failure", FAILURE_CHARACTERS * 4)
    return None if data is None else data.decode("utf-8", "replace")[:FAILURE_CHARACTERS]


def _read_message():
    data = _read_head("ml/output/message", MESSAGE_BYTES + 4)
    if data is None:
        return {}
    # A character that the limit cuts in two isn't the script's fault.
    for end in range(MESSAGE_BYTES, MESSAGE_BYTES - 4, -1):
        try:
            return {"message": data[:end].decode("utf-8")}
        except UnicodeDecodeError:
            if len(data) <= MESSAGE_BYTES:
                break
    return {"messageInvalid": True}


def _read_head(path, limit):
    """The beginning of a regular file: a FIFO there would never be read to its end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        with os.fdopen(descriptor, "rb") as file:
            return file.read(limit)
    except OSError:
        return None


def _read_records():
    import json

    with open("transform/result.json", encoding="utf-8") as file:
        return json.load(file)["records"]


def _commit(plan, stop_requested):
    """All the slow work first; then the renames, which are undone if one of them fails."""
    if plan.outputs:
        os.makedirs("commit", exist_ok=True)
    ready, placed = [], []
    try:
        for index, (kind, source, destination) in enumerate(plan.outputs):
            made = _make(kind, source, os.path.join("commit", str(index)), stop_requested)
            if made is not None:
                ready.append((_bring_near(made, destination, stop_requested), destination))
        for near, destination in ready:
            if os.path.lexists(destination):
                raise FileExistsError(errno.EEXIST, "the output is there already", destination)
            os.rename(near, destination)
            placed.append((near, destination))
    except BaseException:
        for near, destination in placed:
            os.rename(destination, near)
        for near, _ in ready:
            if os.path.isabs(near):
                remove(near)
        raise


def _make(kind, source, target, stop_requested):
    """The path, in the job's folder, of what is to be placed; None if there is nothing."""
    if kind == "move":
        _drop_specials(source)
        return source
    if kind == "optional-archive" and not (os.path.lexists(source) and os.listdir(source)):
        return None
    _archive(source, target, stop_requested)
    return target


def _drop_specials(folder):
    """Uploads of SageMaker leave symbolic links out; a FIFO or a device would only hang who reads it."""
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(parent, name)
            mode = os.lstat(path).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                os.unlink(path)
                _log("left out of the output, because it is a symbolic link or a special file: %s" % path)


def _log(text):
    with open("log.txt", "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write("sluice: %s\n" % text)


def _archive(folder, target, stop_requested):
    import gzip
    import tarfile

    def member(info):
        return _describe_member(archive, folder, info)

    with open(target, "wb") as file:
        checked = _Checked(file, stop_requested)
        # Level 1: models are mostly numbers; higher levels take several times as long for a few per cent.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=checked, mtime=0) as packed:
            with tarfile.open(fileobj=packed, mode="w|", bufsize=CHUNK) as archive:
                for name in sorted(os.listdir(folder)):
                    archive.add(os.path.join(folder, name), arcname=name, filter=member)
        file.flush()
        os.fsync(file.fileno())


def _describe_member(archive, folder, info):
    """What others can unpack: no owner of this machine, files instead of hard links, no link that leaves."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    archive.inodes.clear()
    if info.issym():
        aim = os.path.normpath(os.path.join(os.path.dirname(info.name), info.linkname))
        stays = not os.path.isabs(info.linkname) and aim != ".." and not aim.startswith("../")
    else:
        stays = info.isreg() or info.isdir()
    if not stays:
        _log("left out of the archive, because it is no file, folder or link to one of them: %s" % info.name)
        return None
    return info


class _Checked:
    """A file to write to, which stops when the job is to stop."""

    def __init__(self, file, stop_requested):
        self._file = file
        self._stop_requested = stop_requested

    def write(self, data):
        if self._stop_requested():
            raise Stopped()
        return self._file.write(data)

    def flush(self):
        self._file.flush()


def _bring_near(source, destination, stop_requested):
    """A path from which the output can be renamed to its destination: the source, or a hidden copy on its file system."""
    parent = os.path.dirname(destination)
    os.makedirs(parent, exist_ok=True)
    if os.stat(source).st_dev == os.stat(parent).st_dev:
        return source
    near = os.path.join(parent, ".sluice-%s-%s" % (os.path.basename(os.getcwd()), os.path.basename(destination)))
    try:
        _copy(source, near, stop_requested)
    except BaseException:
        remove(near)
        raise
    return near


def _copy(source, target, stop_requested):
    import shutil

    def copy_file(one, other):
        with open(one, "rb") as reader, open(other, "wb") as writer:
            shutil.copyfileobj(reader, _Checked(writer, stop_requested), CHUNK)
            writer.flush()
            os.fsync(writer.fileno())

    if os.path.isdir(source):
        shutil.copytree(source, target, copy_function=copy_file)
    else:
        copy_file(source, target)


def remove(path):
    import shutil

    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.unlink(path)
