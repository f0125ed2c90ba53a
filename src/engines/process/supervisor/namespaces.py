"""A user, mount and PID namespace with the job's folder at /opt/ml, by libc calls: `os.unshare` came with Python 3.12."""
import ctypes
import os
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
FLAGS_BY_OPTION = {
    "ro": MS_RDONLY,
    "nosuid": MS_NOSUID,
    "nodev": MS_NODEV,
    "noexec": MS_NOEXEC,
    "noatime": 1024,
    "nodiratime": 2048,
    "relatime": 1 << 21,
}

SYS_MOUNT_SETATTR = 442
AT_FDCWD = -100
AT_RECURSIVE = 0x8000
MOUNT_ATTR_RDONLY = 1

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
# All of NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE, and the locks of all four.
LOCKED_SECUREBITS = 0xEF
CAPABILITY_VERSION_3 = 0x20080522

BASE = "/opt/ml"

libc = ctypes.CDLL(None, use_errno=True)
libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
libc.syscall.restype = ctypes.c_long


def check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (what, os.strerror(number)))


def _mount(source, target, kind, flags, options=None):
    source, target = os.fsencode(source), os.fsencode(target)
    check(libc.mount(source, target, kind, flags, options), "mount %s" % os.fsdecode(target))


def _prctl(option, value=0):
    check(libc.prctl(option, value, 0, 0, 0), "prctl %d" % option)


def adopt_orphans():
    """Descendants whose parents end become children of this process."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent():
    _prctl(PR_SET_PDEATHSIG, 9)


def forbid_new_privileges():
    """None can be had by exec from now on, as by sudo."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def enter(folder, inputs):
    """The next process that is forked is PID 1 of a namespace which has `folder` at /opt/ml and the inputs in it."""
    _unshare()
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    # Opened before /opt is covered, because any of them may live below it.
    sources = [_open_path(path) for path in [folder] + [source for source, _ in inputs]]
    targets = [BASE] + [os.path.join(BASE, target) for _, target in inputs]
    covered = not os.path.isdir(BASE)
    if covered:
        _cover(os.path.dirname(BASE), os.path.basename(BASE))
    for index, (source, target) in enumerate(zip(sources, targets)):
        _mount("/proc/self/fd/%d" % source, target, None, MS_BIND | MS_REC)
        os.close(source)
        if index > 0:
            _make_read_only(target)
    if covered:
        _mount("none", os.path.dirname(BASE), None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def _unshare():
    uid, gid = os.geteuid(), os.getegid()
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID), "unshare")
    # Without "deny" the kernel doesn't let an unprivileged user map a group.
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", "%d %d 1" % (uid, uid)),
        ("gid_map", "%d %d 1" % (gid, gid)),
    ):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)


def _open_path(path):
    return os.open(path, os.O_PATH | os.O_CLOEXEC)


def _cover(parent, name):
    """Puts a tmpfs over `parent` that has its old entries and an empty folder `name`: the host itself stays as it is."""
    old = _open_path(parent)
    entries = os.listdir(parent)
    _mount("tmpfs", parent, b"tmpfs", MS_NOSUID | MS_NODEV, b"mode=755,size=1m")
    for entry in entries:
        _bring_back("/proc/self/fd/%d/%s" % (old, entry), os.path.join(parent, entry))
    os.close(old)
    os.mkdir(os.path.join(parent, name), 0o755)


def _bring_back(source, target):
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    _mount(source, target, None, MS_BIND | MS_REC)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def _make_read_only(target):
    attributes = _MountAttributes(MOUNT_ATTR_RDONLY, 0, 0, 0)
    result = libc.syscall(
        ctypes.c_long(SYS_MOUNT_SETATTR),
        ctypes.c_long(AT_FDCWD),
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_ulong(AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    if result < 0:
        remount_read_only(target)


def remount_read_only(target):
    """For kernels before 5.12: one mount after the other, with the flags that it has, for those are locked."""
    with open("/proc/self/mountinfo", "rb") as file:
        mounts = [line.split(b" ") for line in file]
    top = os.fsencode(os.path.realpath(target))
    for fields in mounts:
        path = _unescape(fields[4])
        if path == top or path.startswith(top + b"/"):
            flags = MS_REMOUNT | MS_BIND | MS_RDONLY
            for option in fields[5].decode().split(","):
                flags |= FLAGS_BY_OPTION.get(option, 0)
            _mount("none", path, None, flags)


def _unescape(path):
    """Undoes the octal escapes of mountinfo for blank, tab, newline and backslash."""
    for escaped, plain in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        path = path.replace(escaped, plain)
    return path


def settle():
    """In PID 1 of the namespace: its own /proc, then no privilege is left, nor can one be had by exec."""
    try:
        _mount("proc", "/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except OSError:
        # A container masks parts of its /proc, and the kernel then allows no fresh one; the old one serves.
        pass
    forbid_new_privileges()
    _prctl(PR_SET_SECUREBITS, LOCKED_SECUREBITS)
    _drop_bounding_set()
    # An old kernel without ambient capabilities has none to clear.
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    check(libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())), "capset")


def _drop_bounding_set():
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            return


def probe():
    """Tries everything that a job needs, with this folder as the job's, and says what fails."""
    try:
        enter(os.path.dirname(os.path.abspath(__file__)), [])
        child = os.fork()
        if child == 0:
            _settle_and_exit()
        _, status = os.waitpid(child, 0)
        return 0 if status == 0 else 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 1


def _settle_and_exit():
    try:
        settle()
        os._exit(0)
    except OSError as error:
        os.write(2, ("%s\n" % error).encode())
        os._exit(1)
