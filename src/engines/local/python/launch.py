"""How a supervisor comes to its job: `main.py JOB_FOLDER`, or as a fork of `main.py --fork-server`, which costs a tenth of a start of
Python."""
# `signal` costs 5 ms of every start, for its enums; this is the module beneath it.
import _signal as signal
import os
import select
import sys


def job_folder(load):
    """The folder of the job that this process is to see to its end. `load` imports what is slow to import, before anybody waits for it."""
    if sys.argv[1] != "--fork-server":
        return sys.argv[1]
    load()
    return ForkServer().serve()


def answer(word):
    """To the engine, which waits at the other end of standard output; it may be gone by now. Nothing holds that pipe open any more."""
    try:
        os.write(1, os.fsencode(word + "\n"))
    except OSError:
        pass
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.close(null)


def close_inherited():
    """What the engine's own parent left open, or a fork server has open for other jobs, must not live as long as the job."""
    for name in os.listdir("/dev/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                # The one that listed the folder is closed by now.
                pass


class ForkServer:
    """
    Forks a supervisor for every line `NUMBER FOLDER` of standard input, lines being ended by NUL, and answers each with a line
    `NUMBER WORD`: the word that the supervisor said, which is none if it ended without one. Ends with its standard input.
    """

    def __init__(self):
        self._poller = select.poll()
        self._poller.register(0, select.POLLIN)
        self._asked = b""
        # By the descriptor that its supervisor's word comes from.
        self._numbers = {}
        self._words = {}
        # Nobody asks for their exit codes, so the kernel needn't keep them.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    def serve(self):
        """Returns only in the supervisors, each time with the folder of another job."""
        while True:
            for descriptor, _ in self._poller.poll():
                if descriptor != 0:
                    self._hear(descriptor)
                    continue
                folder = self._take_requests()
                if folder is not None:
                    return folder

    def _take_requests(self):
        data = os.read(0, 65536)
        if not data:
            sys.exit(0)
        *lines, self._asked = (self._asked + data).split(b"\0")
        for line in lines:
            number, _, folder = os.fsdecode(line).partition(" ")
            if self._fork(number, folder):
                return folder
        return None

    def _fork(self, number, folder):
        """Whether this is the new process."""
        pipe = ()
        try:
            theirs, ours = pipe = os.pipe()
            pid = os.fork()
        except OSError as error:
            for descriptor in pipe:
                os.close(descriptor)
            self._answer(number, "no supervisor can be forked: %s" % error.strerror)
            return False
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            _become_supervisor(folder, ours)
            return True
        os.close(ours)
        self._numbers[theirs], self._words[theirs] = number, b""
        self._poller.register(theirs, select.POLLIN)
        return False

    def _hear(self, descriptor):
        data = os.read(descriptor, 512)
        self._words[descriptor] += data
        if data:
            return
        self._poller.unregister(descriptor)
        os.close(descriptor)
        self._answer(self._numbers.pop(descriptor), os.fsdecode(self._words.pop(descriptor)).strip())

    def _answer(self, number, word):
        try:
            os.write(1, os.fsencode("%s %s\n" % (number, word)))
        except OSError:
            # The engine is gone; its end is the end of standard input.
            pass


def _become_supervisor(folder, output):
    os.dup2(output, 1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    try:
        log = os.open(os.path.join(folder, "supervisor.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except PermissionError:
        # It is for complaints about Sluice itself; a job runs without.
        log = null
    except OSError as error:
        answer(str(error))
        sys.exit(1)
    os.dup2(log, 2)
    close_inherited()
