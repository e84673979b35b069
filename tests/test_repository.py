"""Tests of the repository's address: written everywhere or nowhere, and the same in all places of the book."""

import json
import shutil

import nbformat
import pytest
import yaml
from chapters import NOTEBOOKS, ROOT

from convbook import __main__ as commands
from convbook import repository

NEW = "https://github.com/someone/her-book"


@pytest.fixture
def book(tmp_path):
    """A copy of what names the address."""
    for name in ("_config.yml", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "book").mkdir()
    for path in NOTEBOOKS:
        shutil.copy(path, tmp_path / "book")
    return tmp_path


def addresses(folder):
    """All places of a book that name its repository: {place: address}."""
    config = yaml.safe_load((folder / "_config.yml").read_text(encoding="utf-8"))
    found = {
        "site": config["repository"]["url"],
        "theme": config["sphinx"]["config"]["html_theme_options"]["repository_url"],
    }
    citation = yaml.safe_load((folder / "CITATION.cff").read_text(encoding="utf-8"))
    found |= {"code": citation["repository-code"], "citation": citation["preferred-citation"]["url"]}
    for path in sorted((folder / "book").glob("*.ipynb")):
        chapter = nbformat.read(path, as_version=4)
        source = next(cell.source for cell in chapter.cells if "setup" in cell.metadata.get("tags", []))
        found[path.stem] = json.loads(next(line for line in source.splitlines() if "REPOSITORY =" in line)[13:])
    return found


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_book_names_one_address_everywhere():
    found = addresses(ROOT)
    assert len(found) == 4 + len(NOTEBOOKS)
    assert len(set(found.values())) == 1


@pytest.mark.parametrize("url", [NEW, f"{NEW}/", f"{NEW}.git", f" {NEW}\n"])
def test_an_address_is_written_everywhere_and_nothing_else_changes(book, url):
    before = {path: path.read_text(encoding="utf-8") for path in contents(book)}
    old = addresses(book)["site"]
    assert set(repository.set_repository(url, book)) == set(before)
    assert set(addresses(book).values()) == {NEW}
    for path, text in before.items():
        expected = text.replace(old, NEW).replace('baseurl: ""', 'baseurl: "https://someone.github.io/her-book/"')
        assert path.read_text(encoding="utf-8") == expected
    assert repository.set_repository(url, book) == []


@pytest.mark.parametrize(
    ("before", "url", "after"),
    [
        ("https://old.github.io/book/", NEW, "https://someone.github.io/her-book/"),
        ("https://old.github.io/book/", "https://gitlab.com/someone/her-book", ""),
        ("https://courses.example.org/book/", NEW, "https://courses.example.org/book/"),
    ],
)
def test_the_sites_address_follows_unless_its_owner_chose_another(before, url, after, book):
    path = book / "_config.yml"
    path.write_text(path.read_text(encoding="utf-8").replace('baseurl: ""', f'baseurl: "{before}"'), encoding="utf-8")
    repository.set_repository(url, book)
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["html"]["baseurl"] == after


@pytest.mark.parametrize("url", ["", "someone/book", "http://github.com/a/b", "https://github.com/a", f"{NEW}/tree/x"])
def test_what_is_no_address_is_refused_with_an_example(book, url):
    before = contents(book)
    example = r"is no address of a repository: give one such as https://github\.com/OWNER/NAME"
    with pytest.raises(ValueError, match=example):
        repository.set_repository(url, book)
    assert contents(book) == before


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no _config.yml with notebooks in book/: run this in the book's folder"):
        repository.set_repository(NEW, tmp_path)


@pytest.mark.parametrize(
    ("file", "old"),
    [("book/03_padding_and_strides.ipynb", "REPOSITORY"), ("_config.yml", "url:"), ("CITATION.cff", "url:")],
)
def test_a_place_that_is_lost_is_told_and_nothing_is_written(book, file, old):
    path = book / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, "lost"), encoding="utf-8")
    before = contents(book)
    with pytest.raises(ValueError, match="restore it"):
        repository.set_repository(NEW, book)
    assert contents(book) == before


def test_a_disk_that_fails_half_way_leaves_every_file_as_it_was_and_no_other(book, monkeypatch):
    before, write = contents(book), repository.Path.write_text

    def write_some(path, *arguments, **options):
        if "07" in path.name:
            raise OSError("no space left")
        return write(path, *arguments, **options)

    monkeypatch.setattr(repository.Path, "write_text", write_some)
    with pytest.raises(OSError, match="no space left"):
        repository.set_repository(NEW, book)
    assert contents(book) == before


def test_the_command_lists_the_files_that_it_changed(book, monkeypatch, capsys):
    monkeypatch.chdir(book)
    assert commands.main(["set-repository", NEW]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(NOTEBOOKS)
    assert commands.main(["set-repository", NEW]) == 0
    assert "names this address already" in capsys.readouterr().out
    assert commands.main(["set-repository", "nowhere"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
