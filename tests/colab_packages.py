"""What Colab has installed: the list tests/colab/packages.txt, and `make colab-list`, which fetches the present one.

The list is a file of constraints, as pip takes it: lines name==version below a comment that says where it comes from.
"""

import datetime
import re
import sys
import urllib.request
from pathlib import Path

from packaging.utils import canonicalize_name

LIST = Path(__file__).with_name("colab") / "packages.txt"
SOURCE = "https://raw.githubusercontent.com/googlecolab/backend-info/main/"
HEADER = """\
# What Colab has installed beside Python {python}, as googlecolab/backend-info on GitHub had it on {date}.
# Fetched by `make colab-list` from its pip-freeze.txt and os-info.txt. `make colab-check` installs from it what the
# package and a kernel need; tests/test_requirements.py holds the package's requirements against all of it.
"""
FEWEST_PACKAGES = 300  # Colab has about 630; a page that says something else has none
SECONDS_FOR_A_FILE = 60


def python_of(listing):
    """The Python that a list was made for, such as "3.13", from the list's first line."""
    found = re.match(r"# .* Python (\d+\.\d+)\b", listing)
    if not found:
        raise ValueError("The list's first line names no Python: restore it, or fetch the list with make colab-list.")
    return found[1]


def versions_in(listing):
    """{canonical name: version} of a list's lines name==version."""
    pinned = re.findall(r"^([\w.-]+)==(\S+)", listing, flags=re.M)
    return {canonicalize_name(name): version for name, version in pinned}


def make_listing(frozen, system, date):
    """The list's text, from the two files that Colab publishes.

    Args:
        frozen: what `pip freeze` said in Colab. Packages that come from an address or a folder are left out.
        system: what `lsb_release` and `python --version` said there.
        date: "2026-08-19".

    Raises:
        ValueError: if the files do not look as they did; then this script needs a change.
    """
    pinned = re.findall(r"^[\w.-]+==\S+$", frozen, flags=re.M)
    python = re.search(r"^Python (\d+\.\d+)", system, flags=re.M)
    if len(pinned) < FEWEST_PACKAGES or not python:
        raise ValueError(
            f"What googlecolab/backend-info published looks otherwise than it did: {len(pinned)} packages, "
            f"{'a' if python else 'no'} Python. Look at {SOURCE}pip-freeze.txt and change tests/colab_packages.py."
        )
    return HEADER.format(python=python[1], date=date) + "".join(f"{line}\n" for line in pinned)


def fetch(name):
    with urllib.request.urlopen(SOURCE + name, timeout=SECONDS_FOR_A_FILE) as answer:
        return answer.read().decode("utf-8")


def main():
    try:
        listing = make_listing(fetch("pip-freeze.txt"), fetch("os-info.txt"), datetime.date.today().isoformat())
    except (OSError, ValueError) as error:
        print(f"Colab's list could not be fetched. {error}", file=sys.stderr)
        return 1
    changed = set(listing.splitlines()) ^ set(LIST.read_text(encoding="utf-8").splitlines())
    LIST.write_text(listing, encoding="utf-8")
    packages = len(versions_in(listing))
    print(f"{LIST.name}: Python {python_of(listing)}, {packages} packages, {len(changed)} lines gone or new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
