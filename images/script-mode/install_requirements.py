"""
Gives a framework image the libraries of its requirements.txt (Python 3.12 and later: requirements-py312.txt) when it is built.

What the base has in the pinned version stays; the rest is installed by pip. With SLUICE_ACCEPT_INSTALLED=1 any version that
the base has stays, such as that of Debian's packages, and pip installs only what is missing. Every difference is printed.
Standard library only.
"""

import json
import os
import subprocess
import sys
from importlib import metadata

HERE = os.path.dirname(os.path.realpath(__file__))
OLDEST = (3, 9)


class Refused(Exception):
    """The image cannot be built on this base; the message says why and what to do."""


def main():
    try:
        install()
    except Refused as error:
        print("install_requirements: {}".format(error), file=sys.stderr)
        return 1
    return 0


def install():
    with open(os.path.join(HERE, "framework.json"), encoding="utf-8") as file:
        framework = json.load(file)
    version = sys.version_info[:2]
    name = "Python {}.{}".format(*version)
    newest = tuple(map(int, framework["newestPython"].split(".")))
    if not OLDEST <= version <= newest:
        raise Refused(
            "the base has {}; it must be 3.{} to 3.{}. Name another one: --build-arg BASE_IMAGE=python:3.11-slim-bookworm".format(
                name, OLDEST[1], newest[1]
            )
        )
    requirements = os.path.join(HERE, "requirements.txt" if version <= (3, 11) else "requirements-py312.txt")
    accept = read_accept()
    wanted = read_requirements(requirements)
    print("Libraries of {} for {}:".format(os.path.basename(requirements), name))
    to_install = [library for library, pinned in wanted.items() if not is_kept(library, pinned, accept)]
    if to_install:
        install_with_pip(["{}=={}".format(library, wanted[library]) for library in to_install])
    check(wanted, to_install, framework["imports"])


def read_accept():
    text = os.environ.get("SLUICE_ACCEPT_INSTALLED", "")
    if text not in ("", "0", "1"):
        raise Refused("SLUICE_ACCEPT_INSTALLED is {!r}; it must be 0 or 1.".format(text))
    return text == "1"


def read_requirements(path):
    with open(path, encoding="utf-8") as file:
        lines = [line.split("#")[0].strip() for line in file]
    return dict(line.split("==") for line in lines if line)


def installed_version(library):
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def is_kept(library, pinned, accept):
    there = installed_version(library)
    if there == pinned:
        outcome = "is there"
    elif there is None:
        outcome = "is missing: to be installed"
    elif accept:
        outcome = "DIFFERS: the base has {}, kept because of SLUICE_ACCEPT_INSTALLED=1".format(there)
    else:
        outcome = "differs: the base has {}, to be replaced".format(there)
    print("  {} {} {}".format(library, pinned, outcome), flush=True)
    return there == pinned or (there is not None and accept)


def install_with_pip(specifiers):
    if subprocess.call([sys.executable, "-I", "-c", "import pip"], stderr=subprocess.DEVNULL) != 0:
        raise Refused(
            "the base has no pip to install {}. Take a base with pip, or keep the versions that the base has with "
            "--build-arg SLUICE_ACCEPT_INSTALLED=1, if none is missing.".format(", ".join(specifiers))
        )
    # Debian's pip asks for the second: here the packages of the system are the image's, and nobody else's.
    settings = {"PIP_ROOT_USER_ACTION": "ignore", "PIP_BREAK_SYSTEM_PACKAGES": "1"}
    command = [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    code = subprocess.call(command + specifiers, env=dict(os.environ, **settings))
    if code != 0:
        raise Refused(
            "pip ended with exit code {}; its reason is above. If it reaches no index: pass yours, such as "
            "--build-arg PIP_INDEX_URL=… or --build-arg HTTPS_PROXY=…".format(code)
        )


def check(wanted, replaced, imports):
    """By a new process, which sees what pip wrote: a package of the system could still hide it."""
    ask = "import sys; from importlib import metadata; print(*map(metadata.version, sys.argv[1:]))"
    command = [sys.executable, "-I", "-c", "import {}; {}".format(", ".join(imports), ask)] + list(wanted)
    answer = subprocess.run(command, stdout=subprocess.PIPE, universal_newlines=True)
    if answer.returncode != 0:
        raise Refused("the libraries cannot be imported; Python's reason is above.")
    versions = dict(zip(wanted, answer.stdout.split()))
    for library in replaced:
        if versions[library] != wanted[library]:
            raise Refused(
                "{} {} was installed, but {} is what Python finds.".format(library, wanted[library], versions[library])
            )
    print("Installed: " + " ".join("{}=={}".format(*item) for item in versions.items()))


if __name__ == "__main__":
    sys.exit(main())
