"""The address of the book's repository: in the site's configuration, the notebooks' setup cells and the citation."""

import json
import os
import re
from pathlib import Path

CONFIG, CITATION, BOOK = "_config.yml", "CITATION.cff", "book"
ADDRESS = re.compile(r"https://[\w.-]+/[\w.-]+/[\w.-]+")
IN_CONFIG = re.compile(r"^(\s*(?:url|repository_url): )\S+$", flags=re.M)
IN_CITATION = re.compile(r"^(\s*(?:url|repository-code): )\S+$", flags=re.M)
# The site's address, unless its owner has given it another than that of GitHub Pages.
SITE = re.compile(r'^(\s*baseurl: )"(?:https://[\w-]+\.github\.io/[^"]*)?"', flags=re.M)
IN_SETUP_CELL = re.compile(r'^(REPOSITORY = )"[^"]*"$', flags=re.M)
# In _config.yml those of Jupyter Book and of the theme; in CITATION.cff those of the code and of the book.
ADDRESSES = 2


def set_repository(url, folder="."):
    """Write a repository's address wherever the book names it; nothing is written unless all files can be.

    Args:
        url: "https://github.com/OWNER/NAME"; a slash or ".git" at its end is left out.
        folder: the book's folder, which holds _config.yml, CITATION.cff and book/.

    Returns:
        List of the files that changed.

    Raises:
        ValueError: if the address has another form, or the folder is not the book's.
    """
    address = url.strip().rstrip("/").removesuffix(".git")
    if not ADDRESS.fullmatch(address):
        raise ValueError(f"{url!r} is no address of a repository: give one such as https://github.com/OWNER/NAME.")
    folder = Path(folder)
    config, notebooks = folder / CONFIG, sorted((folder / BOOK).glob("*.ipynb"))
    if not config.is_file() or not notebooks:
        raise ValueError(
            f"{folder.resolve()} holds no {CONFIG} with notebooks in {BOOK}/: run this in the book's folder."
        )
    citation = folder / CITATION
    texts = {
        config: SITE.sub(rf'\g<1>"{pages_address(address)}"', _replace(IN_CONFIG, rf"\g<1>{address}", config)),
        citation: _replace(IN_CITATION, rf"\g<1>{address}", citation),
    }
    for notebook in notebooks:
        # JSON escapes a cell's quotation marks, so the cell is changed and not the file's text.
        content = json.loads(notebook.read_text(encoding="utf-8"))
        cells = [cell for cell in content["cells"] if "setup" in cell["metadata"].get("tags", [])]
        for cell in cells:
            source, found = IN_SETUP_CELL.subn(rf'\g<1>"{address}"', "".join(cell["source"]))
            if found != 1:
                raise ValueError(f"The setup cell of {notebook} names no REPOSITORY: restore it from another chapter.")
            cell["source"] = source
        texts[notebook] = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    changed = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    new = {path: path.with_name(f".{path.name}.new") for path in changed}
    try:
        for path in changed:
            new[path].write_text(texts[path], encoding="utf-8")
        for path in changed:
            os.replace(new[path], path)
    finally:
        for path in changed:
            new[path].unlink(missing_ok=True)
    return changed


def pages_address(repository):
    """The address at which GitHub Pages publishes a repository's site, or "" for one that lies elsewhere.

    >>> pages_address("https://github.com/Someone/her-book"), pages_address("https://gitlab.com/someone/her-book")
    ('https://someone.github.io/her-book/', '')
    >>> pages_address("https://github.com/someone/someone.github.io")
    'https://someone.github.io/'
    """
    host, owner, name = repository.removeprefix("https://").split("/")
    home = f"{owner.lower()}.github.io"
    if host != "github.com":
        return ""
    return f"https://{home}/" if name.lower() == home else f"https://{home}/{name}/"


def _replace(pattern, replacement, path):
    text, found = pattern.subn(replacement, path.read_text(encoding="utf-8") if path.is_file() else "")
    if found != ADDRESSES:
        raise ValueError(f"{path} names the repository {found} times, not {ADDRESSES}: restore it.")
    return text
