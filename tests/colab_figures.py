"""Live figures in a real page, with the replica's own widgets: a part of `make colab-check`, where there is a browser.

Colab's own page is not to be had here. Jupyter's classic page, which comes with ipywidgets 7, gives the figures the
same JavaScript of anywidget and a manager of widgets of the same generation.
"""

import secrets
import socket
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import TimeoutError as BrowserTimeout
from playwright.sync_api import sync_playwright
from visits import BROWSER_ARGUMENTS, find_browser

SECONDS_TO_START = 60
# The kernel answers, and the page's widgets listen to it; then they still ask it which widgets there are.
READY = """() => {
  const kernel = window.Jupyter?.notebook?.kernel;
  return kernel?.is_connected() && "jupyter.widget" in kernel.comm_manager.targets;
}"""
ASKING_MS = 5_000
EXECUTED = "Jupyter.notebook.get_cells().every((cell) => cell.input_prompt_number > 0)"
FIGURES = "document.querySelectorAll('.cell [data-figure]').length"
# A stride stands in the figure's own text, so the text tells whether a change in Python arrives.
STRIDE_IS = """(stride) => document.querySelector("[data-figure='padding and strides']").innerText
  .includes(`Stride s\\n${stride}`)"""
SET_STRIDE = "next(f for f in Out.values() if type(f).__name__ == 'PaddingAndStrides').strides = {}"
RUN_ONE_MORE = """(source) => {
  Jupyter.notebook.insert_cell_at_bottom("code").set_text(source);
  Jupyter.notebook.get_cells().at(-1).execute();
}"""


@contextmanager
def jupyter(replica, environment, folder):
    """Jupyter's classic server of the replica, for the notebooks in a folder; gives a function of name to address."""
    token = secrets.token_hex(16)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [replica, "-m", "notebook", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    with (Path(folder) / "log").open("w") as log:
        own = {**environment, "JUPYTER_TOKEN": token}
        server = subprocess.Popen(command, cwd=folder, env=own, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(SECONDS_TO_START):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5).close()
                break
            except OSError:
                time.sleep(1)
        yield f"{address}/notebooks/{{}}?token={token}".format
    finally:
        server.terminate()
        server.wait()


def happens(page, condition, argument=None, seconds=20):
    """Whether a condition becomes true in a page."""
    try:
        page.wait_for_function(condition, arg=argument, timeout=1000 * seconds)
    except BrowserTimeout:
        return False
    return True


def problems_in_the_page(address, expected, browser):
    """Run a notebook in its page; what is wrong with what is to be seen there then, as sentences."""
    found = []
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=BROWSER_ARGUMENTS).new_page()
        page.on("pageerror", lambda error: found.append(f"error in the page: {error}"))
        page.goto(address)
        if not happens(page, READY, seconds=60):
            return ["the page has no kernel or no widgets"]
        page.wait_for_timeout(ASKING_MS)
        page.evaluate("Jupyter.notebook.execute_all_cells()")
        if not happens(page, EXECUTED, seconds=300):
            return ["a cell did not come to its end"]
        if not happens(page, f"{FIGURES} === {expected}"):
            return [*found, f"{page.evaluate(FIGURES)} of {expected} figures appeared"]
        for stride in (3, 1):
            page.evaluate(RUN_ONE_MORE, SET_STRIDE.format(stride))
            if not happens(page, STRIDE_IS, stride):
                found.append(f"the stride that was set to {stride} in Python did not reach the page")
    return found


def check_figures(report, cells, replica, environment):
    """Show the figures of these cells, the setup cell first, in a real page of the replica's Jupyter."""
    browser = find_browser()
    page = subprocess.run([replica, "-c", "import notebook.notebookapp"], env=environment, capture_output=True)
    if not browser or page.returncode:
        missing = "no Chromium or Chrome here" if not browser else "no classic Jupyter among what the replica needs"
        print(f"skipped live figures in a real page: there is {missing}", flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        metadata = {"kernelspec": {"name": "colab", "display_name": "Colab's replica", "language": "python"}}
        own = [nbformat.v4.new_code_cell(cell.source) for cell in cells]  # two chapters' cells may have the same name
        nbformat.write(nbformat.v4.new_notebook(cells=own, metadata=metadata), Path(folder) / "figures.ipynb")
        with jupyter(replica, environment, folder) as address_of:
            try:
                problems = problems_in_the_page(address_of("figures.ipynb"), len(cells) - 1, browser)
            except BrowserError as error:
                problems = [str(error).splitlines()[0]]
    report.tell(f"{len(cells) - 1} live figures in a real page, with the replica's ipywidgets and anywidget", problems)
