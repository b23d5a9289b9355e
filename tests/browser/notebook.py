"""A notebook that is open in JupyterLab, driven through the page."""

from __future__ import annotations

import ast
import re
from typing import Any

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    ElementHandle,
    Error,
    Locator,
    Page,
    TimeoutError,
    expect,
)

from .server import LabServer

# Generous: several of these pages may share two cores with other work.
PATIENCE = 30_000
POLLING = 30  # milliseconds

# What the console may say, and why it is no fault of ours.
HARMLESS = [
    "willReadFrequently",  # the tests read a canvas's pixels, which pages seldom do
    r"^Plugin \S+ .* to activate",  # JupyterLab starts slowly where a machine is busy
    r"^Could not restore the debugger state",  # of a kernel that a test has ended meanwhile
]

# Numbers the elements that can be seen and used, and tells which numbers there are.
USABLE = """(elements) => elements.filter((it) => {
  const { width, height } = it.getBoundingClientRect();
  return width > 0 && height > 0 && getComputedStyle(it).visibility === "visible"
    && !it.matches(":disabled");
}).map((it, number) => { it.dataset.number = number; return number })"""

CURRENT = "const notebook = jupyterapp.shell.currentWidget;"
KERNEL = f"{CURRENT} const kernel = notebook?.sessionContext?.session?.kernel;"
RUN_ALL = "jupyterapp.commands.execute('notebook:run-all-cells')"
CLEAR_ALL = "jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
# What a button's callback raises is in no cell's output: JupyterLab puts it into its log. Reactions
# are what a click can bring about: messages of the kernel, and changed outputs; not its state, and
# not what it prints about the question of IS_IDLE_AFTER_ALL.
LISTEN = f"""() => {{ {KERNEL}
  window.raisedByCallbacks = [];
  window.reactions = 0;
  kernel.iopubMessage.connect((_, {{ header, parent_header, content }}) => {{
    if (!["status", "stream"].includes(header.msg_type)) reactions += 1;
    if (header.msg_type === "error" && parent_header.msg_type !== "execute_request")
      raisedByCallbacks.push(`${{content.ename}}: ${{content.evalue}}`) }});
  const isOutput = ({{ target }}) =>
    (target.parentElement ?? target).closest(".jp-OutputArea-output");
  new MutationObserver((changes) => {{ reactions += changes.filter(isOutput).length }})
    .observe(notebook.node,
      {{ subtree: true, childList: true, characterData: true, attributes: true }}) }}"""
SETTLED = """async () => { let before, patience = 20;
  do {
    before = reactions;
    await new Promise((resolve) => setTimeout(resolve, 100));
  } while (reactions !== before && patience--) }"""
SOURCES = f"() => {{ {CURRENT} return notebook.model.sharedModel.cells.map((one) => one.source) }}"
NEW_KERNEL = (
    f"() => {{ {CURRENT} return notebook.sessionContext.changeKernel({{ name: 'python3' }}) }}"
)
IS_OPEN = "(path) => window.jupyterapp?.shell.currentWidget?.context?.path === path"
# Without asking whether to save what a test has changed.
OPEN_INSTEAD = f"""async (path) => {{ {CURRENT}
  notebook.dispose();
  await jupyterapp.commands.execute("docmanager:open", {{ path }}) }}"""
PUT_CELLS = f"""(sources) => {{ {CURRENT}
  const shared = notebook.model.sharedModel;
  shared.transact(() => {{
    shared.deleteCellRange(0, shared.cells.length);
    shared.insertCells(0, sources.map((source) => ({{ cell_type: "code", source, outputs: [] }})));
  }}) }}"""
IS_ACTIVE = f"(number) => {{ {CURRENT} return notebook.content.activeCellIndex === number }}"
ERRORS = f"""() => {{ {CURRENT}
  return notebook.content.widgets.map((cell) => cell.model)
    .filter((model) => model.type === "code")
    .filter((model) => !model.getMetadata("tags")?.includes("raises-exception"))
    .flatMap((model) => model.outputs.toJSON())
    .filter((output) => output.output_type === "error")
    .map((output) => `${{output.ename}}: ${{output.evalue}}`)
    .concat(raisedByCallbacks) }}"""
CONNECTED = f"() => {{ {KERNEL} return kernel?.connectionStatus === 'connected' }}"
IDLE = f"() => {{ {KERNEL} return kernel?.status === 'idle' }}"

# JupyterLab sends some widgets' messages to a helper thread of the kernel: a message there, for no
# widget, is handled after theirs. After a flood an answer can be swallowed: ask until one arrives.
# All in one question, because a lesson's tests wait like this a hundred times.
IS_IDLE_AFTER_ALL = f"""async () => {{
  const wait = (time, value) => new Promise((resolve) => setTimeout(resolve, time, value));
  const until = async (holds, patience) => {{
    for (const end = Date.now() + patience; !holds() && Date.now() < end;) await wait({POLLING});
    return holds() }};
  if (!await until({CONNECTED}, {PATIENCE})) throw new Error("the kernel is not connected");
  {KERNEL}
  window.helpers ??= new WeakMap();
  if (!helpers.has(kernel)) helpers.set(kernel, kernel.createComm("jupyter.widget"));
  const helper = helpers.get(kernel);
  if (kernel.supportsSubshells) await helper.subshellStarted;
  const again = () => wait(2_000, "again");
  while ((await Promise.race([helper.send({{}}).done, again()])) === "again");
  while ((await Promise.race([kernel.requestKernelInfo(), again()])) === "again");
  return until({IDLE}, 2_000) }}"""


class Notebook:
    """Opens a notebook of the server's and waits until its kernel is ready. `complaints` are the
    errors and warnings of the page so far; what is left there at the end fails the test.
    """

    def __init__(self, context: BrowserContext, server: LabServer, path: str):
        self.path = path
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", self._console)
        self.page.on("pageerror", self._page_error)
        self.page.goto(server.address(path))
        self._is_open()

    def open(self, path: str) -> None:
        """End the kernel, and open another notebook instead, in the same page: JupyterLab itself
        takes longer to start than a notebook takes to open.
        """
        self._end_kernel()
        self.path = path
        self.page.evaluate(OPEN_INSTEAD, path)
        self._is_open()

    def _is_open(self) -> None:
        self._wait_for(IS_OPEN, self.path)
        self._kernel_is_new()

    def _kernel_is_new(self) -> None:
        self.wait_idle()
        self.page.evaluate(LISTEN)

    def wait_idle(self) -> None:
        """Wait until the kernel has handled all that was sent to it before, clicks included."""
        if not self.page.evaluate(IS_IDLE_AFTER_ALL):
            # A flood of messages can swallow the kernel's word that it is idle; it says so again
            # after the next thing that it runs.
            self.do("pass")
            self._wait_for(IDLE)

    def wait_settled(self) -> None:
        """Wait until the kernel is idle and nothing has happened for a tenth of a second, or for
        2 s. What handlers in threads have done may be drawn after the kernel's word.
        """
        self.wait_idle()
        self.page.evaluate(SETTLED)

    def wait_restarted(self) -> None:
        """Wait until the kernel, which is being restarted, answers again. Until then JupyterLab
        complains that the connection was lost.
        """
        self._wait_for(IDLE)
        self.page.evaluate("() => { window.helpers = undefined }")  # the old kernel's
        self.wait_idle()
        self.complaints.clear()

    def replace_cells(self, *sources: str) -> None:
        """Have these code cells and a new kernel, unless the notebook's cells are these already."""
        if self.page.evaluate(SOURCES) != list(sources):
            self.page.evaluate(PUT_CELLS, list(sources))
            self.page.evaluate(NEW_KERNEL)
            self._kernel_is_new()

    def run_all(self, timeout: float = 240) -> None:
        """Run every cell, in order, and wait for the last. No cell may end in an error, unless
        its tag says that it is meant to.
        """
        self._clear()
        self.page.evaluate(f"() => {RUN_ALL}")
        self._wait_until_run(timeout)

    def run_by_keyboard(self, timeout: float = 240) -> None:
        """The same by the keys that a user presses: Shift+Enter on each cell, from the first on."""
        self._clear()
        self.to_the_top()
        for following in range(1, self._cells()):
            self.page.keyboard.press("Shift+Enter")
            self._wait_for(IS_ACTIVE, following)
        self.page.keyboard.press("Control+Enter")  # Shift+Enter would add a cell after the last
        self._wait_until_run(timeout)

    def _clear(self) -> None:
        """Remove all outputs: those in the file, or of the run before, would pass for new ones."""
        self.page.evaluate(f"() => {CLEAR_ALL}")

    def _wait_until_run(self, timeout: float) -> None:
        """Wait until the last cell has run, or one has failed: those behind it are not run then.
        JupyterLab may miss that an earlier cell is done, and shows [*] there for good.
        """
        self._wait_for(
            f"""() => {{ {CURRENT}
            const last = notebook.content.widgets.map((cell) => cell.model)
              .findLast((model) => model.type === "code" && model.sharedModel.source.trim());
            return last.executionCount || ({ERRORS})().length }}""",
            timeout=timeout,
        )
        self.wait_idle()
        failed = self.errors()
        assert failed == [], failed

    def run_last(self) -> None:
        """Run the last code cell again: in a lesson, the one that asserts that all is clean."""
        self.run_cell("")

    def run_cell(self, words: str) -> None:
        """Run the last code cell that has these words once more, which makes its widgets afresh."""
        self.page.evaluate(
            f"""async (words) => {{ {CURRENT}
            const wanted = notebook.content.widgets.findLastIndex(({{ model }}) =>
              model.type === "code" && model.sharedModel.source.includes(words));
            notebook.content.activeCellIndex = wanted;
            notebook.content.deselectAll();
            await jupyterapp.commands.execute("notebook:run-cell") }}""",
            words,
        )
        self.wait_idle()
        failed = self.errors()
        assert failed == [], failed

    def errors(self) -> list[str]:
        """The error outputs of all cells in which none is expected, and what callbacks raised."""
        found: list[str] = self.page.evaluate(ERRORS)
        return found

    def reactions(self) -> int:
        """How much the kernel has said, and outputs have changed, since the kernel was new."""
        return int(self.page.evaluate("() => reactions"))

    def has_reacted(self, before: int) -> bool:
        """Return True if there are more reactions than `before`, or will be within 5 s."""
        try:
            self._wait_for("(before) => reactions > before", before, timeout=5)
        except TimeoutError:
            return False
        return True

    def ask(self, expression: str) -> Any:
        """The value of a Python expression in the kernel: a literal, such as a number or list."""
        reply = self.page.evaluate(
            f"""async (expression) => {{ {KERNEL}
            const future = kernel.requestExecute(
              {{ code: "", silent: true, store_history: false,
                user_expressions: {{ answer: expression }} }});
            return (await future.done).content.user_expressions.answer }}""",
            expression,
        )
        assert reply["status"] == "ok", f"{expression}: {reply.get('evalue')}"
        return ast.literal_eval(reply["data"]["text/plain"])

    def do(self, code: str) -> None:
        """Run Python statements in the kernel, without a cell."""
        reply = self.page.evaluate(
            f"""async (code) => {{ {KERNEL}
            const future = kernel.requestExecute({{ code, store_history: false }});
            return (await future.done).content }}""",
            code,
        )
        assert reply["status"] == "ok", f"{code}: {reply.get('evalue')}"

    def panel(self, title: str | re.Pattern[str]) -> Locator:
        """The panel of eventkit's with this heading."""
        return self.page.get_by_role("group", name=title)

    def controls(self) -> Locator:
        """Whatever can be operated in the outputs of the notebook's cells."""
        return self.page.locator(".jp-OutputArea-output").locator(
            "button, select, input:not([type=hidden]), textarea, summary, [role=slider]"
        )

    def usable(self) -> list[Locator]:
        """The controls that can be seen and used now. Each has its place in this list as its
        `data-number`.
        """
        page = self.page
        page.evaluate("""() => document.querySelectorAll("[data-number]").forEach(
            (it) => delete it.dataset.number)""")
        numbers = self.controls().evaluate_all(USABLE)
        return [page.locator(f'[data-number="{number}"]') for number in numbers]

    def stop_buttons(self) -> Locator:
        """The buttons that can end what is running. To ask for their role would take far longer."""
        buttons = self.page.locator(".jp-OutputArea-output button:enabled")
        return buttons.filter(has_text=re.compile("^Stop$"), visible=True)

    def can_stop(self) -> bool:
        """Whether something is running, once the kernel has handled all clicks."""
        self.wait_idle()
        return self.stop_buttons().count() > 0

    def to_the_top(self) -> None:
        """Select the first cell, in command mode."""
        self.page.evaluate(
            f"""() => {{ {CURRENT}
            notebook.content.activate();
            notebook.content.activeCellIndex = 0 }}"""
        )
        self.page.keyboard.press("Escape")

    def _wait_for(self, condition: str, arg: Any = None, timeout: float = PATIENCE / 1e3) -> None:
        """Wait until a function in JavaScript returns something true. To ask at each frame, as is
        usual, would have the page drawn all the time.
        """
        self.page.wait_for_function(condition, arg=arg, timeout=timeout * 1e3, polling=POLLING)

    def _cells(self) -> int:
        return int(self.page.evaluate(f"() => {{ {CURRENT} return notebook.model.cells.length }}"))

    def focused(self) -> ElementHandle | None:
        """The element that the keyboard's next key goes to."""
        return self.page.evaluate_handle("() => document.activeElement").as_element()

    def theme(self, name: str) -> None:
        """Change to "JupyterLab Dark" or "JupyterLab Light"."""
        light = "true" if name == "JupyterLab Light" else "false"
        self.page.evaluate(
            "(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })", name
        )
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", light)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)

    def close(self) -> None:
        """End the kernel and close the page."""
        if self.page.is_closed():
            return
        try:
            self._end_kernel()
        finally:
            self.page.close()

    def _end_kernel(self) -> None:
        self.page.evaluate(f"async () => {{ {CURRENT} await notebook.sessionContext.shutdown() }}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(
            re.search(pattern, message.text) for pattern in HARMLESS
        ):
            self.complaints.append(f"console {message.type}: {message.text}")

    def _page_error(self, error: Error) -> None:
        self.complaints.append(f"uncaught: {error}")
