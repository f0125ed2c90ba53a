"""What the `train` and `serve` commands share: the job's folder, the user's code, the failure file. Standard library only."""

import json
import os
import posixpath
import shlex
import shutil
import subprocess
import sys

OPT_ML = "/opt/ml"
# SageMaker keeps this much of the failure file.
FAILURE_CHARACTERS = 1024
# Code is text: an archive that unpacks to more is a mistake or a bomb.
MAX_CODE_BYTES = 1 << 30


class UserError(Exception):
    """Something the user can put right; the message says what, where and how."""


def base_dir():
    return os.environ.get("SAGEMAKER_BASE_DIR") or OPT_ML


def log(message):
    print(message, file=sys.stderr, flush=True)


def write_failure(message):
    """Writes `output/failure` unless the user's script wrote its own."""
    path = os.path.join(base_dir(), "output", "failure")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "x", encoding="utf-8", errors="replace") as file:
            file.write(message[:FAILURE_CHARACTERS])
    except FileExistsError:
        pass
    except OSError as error:
        log("Could not write {}: {}".format(path, error))


def read_json_object(path, default):
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except FileNotFoundError:
        return default
    except ValueError as error:
        raise UserError("{} is not JSON: {}".format(path, error)) from error
    if not isinstance(value, dict):
        raise UserError("{} holds {}; it must be a JSON object.".format(path, type(value).__name__))
    return value


def find_code(location, unpack_to=None):
    """The folder of the user's code: `location` itself, or `unpack_to` with what is in the .tar.gz file of that name."""
    if "://" in location:
        raise UserError(
            "The code is at {}, which is not a path of this machine: set sagemaker_submit_directory "
            "(or SAGEMAKER_SUBMIT_DIRECTORY) to a folder below {}.".format(location, OPT_ML)
        )
    # Without /opt/ml (no namespaces) the same job has its folder elsewhere.
    if location == OPT_ML or location.startswith(OPT_ML + "/"):
        location = base_dir() + location[len(OPT_ML) :]
    if os.path.isdir(location):
        return os.path.abspath(location)
    if unpack_to and os.path.isfile(location) and location.endswith((".tar.gz", ".tgz")):
        unpack(location, unpack_to)
        return os.path.abspath(unpack_to)
    raise UserError("The code folder {} does not exist, or is not a folder.".format(location))


def find_program(code, program):
    """Checks that the script is in the code folder, since Python's own message does not say what is there instead."""
    if os.path.isfile(os.path.join(code, program)):
        return program
    there = ", ".join(sorted(os.listdir(code))[:20]) or "nothing"
    raise UserError("The script {} is not in the code folder {}. It holds: {}.".format(program, code, there))


def unpack(archive, folder):
    """Unpacks regular files and folders; anything that could write outside of `folder` is refused before a byte is written."""
    import tarfile  # here and below: what most jobs do not need should not cost every job its import

    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = tar.getmembers()
            seen = set()
            for member in members:
                name = posixpath.normpath(member.name)
                if posixpath.isabs(name) or name.split("/")[0] == "..":
                    raise UserError("{} has the entry {!r}, which leaves its folder.".format(archive, member.name))
                if not (member.isfile() or member.isdir()):
                    raise UserError("{} has the entry {!r}, which is a link or a device.".format(archive, member.name))
                if member.isfile() and name in seen:
                    raise UserError("{} has the entry {!r} twice.".format(archive, member.name))
                seen.add(name)
            if sum(member.size for member in members) > MAX_CODE_BYTES:
                raise UserError("{} unpacks to more than {} bytes.".format(archive, MAX_CODE_BYTES))
            for member in members:
                # Only the permission bits that matter to code; owners and set-uid bits of the archive do not.
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                tar.extract(member, folder, set_attrs=False)
                if member.isfile():
                    os.chmod(os.path.join(folder, member.name), member.mode)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError("{} could not be unpacked into {}: {}".format(archive, folder, error)) from error


def install_requirements(requirements):
    """
    Installs a requirements.txt on top of this Python's packages. Returns the environment's folder, for the caller to
    remove, and the Python that has both.

    SageMaker installs into the container, which is thrown away. This Python is shared with other jobs, so the packages
    go into an environment of the job's own that sees the shared ones: what is there already is not fetched again.
    """
    import tempfile

    folder = tempfile.mkdtemp(prefix="sluice-requirements-")
    try:
        return folder, install_into(folder, requirements)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def install_into(folder, requirements):
    import site
    import venv

    log("Installing {} (python -m pip install -r)".format(requirements))
    venv.create(folder, symlinks=True, with_pip=False)
    python = os.path.join(folder, "bin", "python")
    library = os.path.join(folder, "lib", "python{}.{}".format(*sys.version_info[:2]), "site-packages")
    with open(os.path.join(library, "shared.pth"), "w", encoding="utf-8") as file:
        file.write("".join(path + "\n" for path in site.getsitepackages()))

    # An environment that uv made has no pip, and some systems leave out ensurepip.
    uv = shutil.which("uv")
    if succeeds([python, "-c", "import pip"]) or (not uv and succeeds([python, "-m", "ensurepip"])):
        install = [python, "-m", "pip", "install", "--disable-pip-version-check", "-r", requirements]
    elif uv:
        install = [uv, "pip", "install", "--python", python, "-r", requirements]
    else:
        raise UserError(
            "{} cannot be installed: {} has neither pip nor ensurepip, and uv is not on the PATH.".format(requirements, sys.executable)
        )
    code = subprocess.call(install, stdout=sys.stderr)
    if code != 0:
        command = " ".join(map(shlex.quote, install))
        raise UserError(
            "{} could not be installed: `{}` exited with code {}; its output is in the log.".format(requirements, command, code)
        )
    return python


def succeeds(command):
    return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
