"""What axe-core, a checker of accessibility, finds wrong with the outputs of a notebook."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from .notebook import Notebook

OUTPUTS = {"include": [[".jp-OutputArea-output"]]}  # the rest of the page is JupyterLab's
GRAVE = ("serious", "critical")


def grave_faults(notebook: Notebook) -> list[str]:
    """The rules that outputs break in the theme that is on, each with the first element at fault.
    Faults that axe calls minor or moderate are left out.
    """
    # JupyterLab's body is 0 high and cuts off what stands out, so axe takes all for hidden.
    notebook.page.evaluate("() => { document.body.style.minHeight = '100vh' }")
    return grave_faults_of_page(notebook.page, OUTPUTS)


def grave_faults_of_page(
    page: Page, context: dict[str, list[list[str]]] | None = None
) -> list[str]:
    """As `grave_faults`, of a page, or of the parts of it that the context includes."""
    found = Axe().run(page, context=context).response["violations"]
    return [
        f"{fault['id']}: {fault['help']}: {fault['nodes'][0]['html'][:300]}"
        for fault in found
        if fault["impact"] in GRAVE
    ]
