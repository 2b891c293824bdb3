"""How `make docs` builds the site: MyST pages whose code cells are run, and the docstrings."""

import importlib.metadata
import logging
import os
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import myst_nb.core.render
from docutils.nodes import SkipNode, Text, literal_block
from latex2mathml.converter import convert

MATHML = "http://www.w3.org/1998/Math/MathML"
ElementTree.register_namespace("", MATHML)

# Kernels have settings of their own, not those of the user who builds, and no news of sockets.
_profile = Path(__file__).parent / "_build" / "ipython" / "profile_default"
_profile.mkdir(parents=True, exist_ok=True)
(_profile / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 'ERROR'\n", "utf-8")
os.environ["IPYTHONDIR"] = str(_profile.parent)
logging.getLogger("traitlets").setLevel(logging.WARNING)
# Cells that call the command `irgrad` find that of this environment.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["COLUMNS"] = "106"  # as wide as a page
# Plain text: a colour's code that comes in two pieces is no code, and stops the build.
os.environ["TTY_COMPATIBLE"] = "0"

project = "irgrad"
author = "The irgrad authors"
copyright = "the irgrad authors, MIT licence"
release = importlib.metadata.version("irgrad")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton"]
html_math_renderer = "mathml"
exclude_patterns = ["_build"]
nitpicky = False

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 180
nb_execution_show_tb = True
nb_merge_streams = True
nb_render_markdown_format = "myst"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"

html_theme = "furo"
html_title = f"irgrad {release}"
html_static_path = ["_static"]
html_css_files = ["irgrad.css"]
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#2f6db3", "color-brand-content": "#2f6db3"},
    "dark_css_variables": {"color-brand-primary": "#7db4f2", "color-brand-content": "#7db4f2"},
}


def _joined(outputs):
    """The outputs of a cell with the pieces of each stream put together as they came. MyST-NB's own
    way ends each piece with a new line, wherever it was cut.
    """
    streams, kept = {}, []
    for output in outputs:
        if output["output_type"] != "stream":
            kept.append(output)
        elif output["name"] in streams:
            streams[output["name"]]["text"] += output["text"]
        else:
            streams[output["name"]] = output
            kept.append(output)
    return kept


myst_nb.core.render.coalesce_streams = _joined


def _as_restructured_text(app, what, name, obj, options, lines):
    """The docstrings are plain prose: keep their bars and stars from being markup."""
    example = False
    for i, line in enumerate(lines):
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if not example:
            parts = re.split(r"(`[^`]*`)", line)  # prose, code, prose, ...
            parts[::2] = [
                re.sub(r"([|*\\]|(?<=\w)_(?=\W|$))", r"\\\1", part) for part in parts[::2]
            ]
            lines[i] = "".join(parts)


def _as_typed(app, doctree):
    """Blocks as readers type them: without the empty line that ends an example for doctest, and
    without the line of a notebook that says that a cell is for a shell.
    """
    for block in doctree.findall(literal_block):
        text = block.astext().rstrip()
        if text.startswith("%%bash\n"):
            text, block["language"] = text.removeprefix("%%bash\n"), "bash"
        block[:] = [Text(text)]
        block.rawsource = text


def _mathml(node, display):
    """A formula as MathML. A prime, which fonts of text have raised already, is no exponent there,
    where it would be too small to see.
    """
    formula = ElementTree.fromstring(convert(node.astext(), display=display))
    for power in formula.iter(f"{{{MATHML}}}msup"):
        exponent = power[1]
        if exponent.text == "\N{PRIME}":
            power.tag, exponent.tag = f"{{{MATHML}}}mrow", f"{{{MATHML}}}mo"
            exponent.attrib.update(lspace="0", rspace="0")
    return ElementTree.tostring(formula, "unicode")


def _inline(translator, node):
    translator.body.append(_mathml(node, "inline"))
    raise SkipNode


def _block(translator, node):
    translator.body.append(f'<div class="math">{_mathml(node, "block")}</div>')
    raise SkipNode


def setup(app):
    """Mathematics as MathML, which browsers set themselves: no script, no network."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("autodoc-process-docstring", _as_restructured_text)
    app.connect("doctree-read", _as_typed)
