"""Answers that wait for the reader: predictions, and exercises that the page itself checks.

- A Predict box is a quotation that begins with **Predict.** It may end with a list of choices. What is right stands in
  the metadata of its cell: {"predict": {"choice": 2}} is the second of them, {"predict": {"number": 26}} a number,
  and a pair of numbers what it should lie between. Where there is nothing, one click will do.
- The outputs that follow wait until the reader has answered, and after them all up to the next heading or quotation.
- An exercise with "fields" in its metadata is answered in the page: "numbers", "lists" to type in, or the choices of
  each field in turn. The form is its stub, with a field for each `...`; its check runs in the page. The others get a
  link that opens the notebook there.
"""

import ast
import html
import importlib
import json
from itertools import count, cycle
from pathlib import Path

from docutils import nodes
from python_in_page import literal, translate
from sphinx.transforms.post_transforms import SphinxPostTransform

ASSETS = Path(__file__).resolve().parent


class Answers(SphinxPostTransform):
    """Mark what waits for a prediction, and put forms where the reader answers."""

    default_priority = 950  # after the quotations have got their classes

    def run(self, **kwargs):
        path = Path(self.env.doc2path(self.env.docname))
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            quotes = [q for q in self.document.findall(nodes.block_quote) if "callout-predict" in q["classes"]]
            asking = [c for c in cells if c["cell_type"] == "markdown" and "> **Predict.**" in "".join(c["source"])]
            for number, (quote, cell) in enumerate(zip(quotes, asking, strict=True), 1):
                self.wait(quote, number, cell["metadata"].get("predict", {}))
            for node in [n for n in self.document.findall(nodes.container) if n.get("nb_element") == "cell_code"]:
                if "exercise" in node["cell_metadata"]:
                    node.append(nodes.raw("", self.exercise(cells[node["cell_index"]]), format="html"))

    def wait(self, quote, number, right):
        if isinstance(quote.children[-1], nodes.bullet_list):
            quote.children[-1]["classes"].append("choices")
        quote["classes"].append(f"predict-{number}")
        data = html.escape(json.dumps(right))
        form = f'<form class="predict" data-number="{number}" data-right="{data}"></form>'
        quote.append(nodes.raw("", form, format="html"))
        siblings = quote.parent.children[quote.parent.index(quote) + 1 :]
        is_cell = [isinstance(node, nodes.container) and node.get("nb_element") == "cell_code" for node in siblings]
        if True not in is_cell:
            return
        first = is_cell.index(True)
        last = next((i for i in range(first, len(siblings)) if not is_cell[i]), len(siblings))
        for output in (node for cell in siblings[first:last] for node in cell.findall(nodes.container)):
            if output.get("nb_element") == "cell_code_output":
                output["classes"] += ["answer", f"answer-{number}"]
        ends = (nodes.section, nodes.block_quote)
        end = next((i for i in range(last, len(siblings)) if isinstance(siblings[i], ends)), len(siblings))
        if after := siblings[last:end]:
            box = nodes.container(classes=["answer", f"answer-{number}"])
            quote.parent.insert(quote.parent.index(after[0]), box)
            for node in after:
                quote.parent.remove(node)
                box.append(node)

    def exercise(self, cell):
        """Return the form of an exercise with the script that checks it, or the link to the exercise in Colab."""
        check, fields = cell["metadata"]["exercise"], cell["metadata"].get("fields")
        if fields:
            return form(check, "".join(cell["source"]), fields)
        options = self.config.html_theme_options
        colab = options["launch_buttons"].get("colab_url")
        repository = options["repository_url"].split("github.com")[-1]
        address = f"{colab}/github{repository}/blob/{options['repository_branch']}/{self.env.docname}.ipynb"
        link = f'<a href="{address}#scrollTo={cell["id"]}">Do this exercise in Colab</a>'
        return f'<p class="in-colab">{link}</p>' if colab else ""


def form(check, stub, fields):
    """Return the form of an exercise, and a script that makes `checks[check]` the judge of its values.

    Args:
        check: "module.function" of `convbook.checks`.
        stub: code that assigns the answer, with `...` for what is missing, and calls the check.
        fields: "numbers", "lists", or a list of the choices of each field, which begins anew at its end.
    """
    module, name = check.split(".")
    assigned = next(node.value for node in ast.parse(stub).body if isinstance(node, ast.Assign))
    shown, value = _parts(assigned, fields, cycle(fields), (f"field {number}" for number in count(1)))
    script = translate(getattr(importlib.import_module(f"convbook.checks.{module}"), name))
    return (
        f'<form class="exercise" data-check="{check}" hidden><div class="fields">{shown}</div></form>'
        f"<script>checks[{check!r}] = (next) => {{ {script} return run({value}); }};</script>"
    )


def _parts(node, fields, options, names):
    """Return a part of a stub as HTML with fields, and as JavaScript that takes their values one by one."""
    if isinstance(node, ast.Call):  # np.array(…)
        return _parts(node.args[0], fields, options, names)
    if isinstance(node, ast.Dict):
        rows, pairs = [], []
        for key, item in zip([key.value for key in node.keys], node.values, strict=True):
            shown, value = _parts(item, fields, options, (f"{key}, field {number}" for number in count(1)))
            rows.append(f"<div><code>{html.escape(key)}</code> {shown}</div>")
            pairs.append(f"[{literal(key)}, {value}]")
        return "".join(rows), f"py.dict([{', '.join(pairs)}])"
    is_leaf = isinstance(node, ast.Constant) or fields == "lists"
    if is_leaf:
        label = f'aria-label="{html.escape(next(names))}" required'
        if isinstance(fields, list):
            choices = "".join(f"<option>{html.escape(choice)}</option>" for choice in ["", *next(options)])
            return f"<select {label}>{choices}</select>", "next()"
        example = ' placeholder="…, …, …"' if fields == "lists" else ""
        return f'<input {label} class="{fields}" autocomplete="off"{example}>', "next()"
    parts = [_parts(item, fields, options, names) for item in node.elts]
    opening, closing, kind = ("(", ")", "py.tuple") if isinstance(node, ast.Tuple) else ("[", "]", "")
    is_table = all(isinstance(item, ast.List | ast.Tuple) for item in node.elts)
    shown = (",<br>" if is_table else ", ").join(part for part, _ in parts)
    return f"{opening}{shown}{closing}", f"{kind}([{', '.join(value for _, value in parts)}])"


def add_script(app, pagename, templatename, context, doctree):
    """Write the scripts into each page that has a form, as part of the page: a request fewer."""
    if any(f'<form class="{kind}"' in context.get("body", "") for kind in ("predict", "exercise")):
        scripts = [(ASSETS / name).read_text(encoding="utf-8") for name in ("python_in_page.js", "answers.js")]
        app.add_js_file(None, body="\n".join(scripts), priority=100)


def setup(app):
    app.add_post_transform(Answers)
    app.connect("html-page-context", add_script, priority=800)
