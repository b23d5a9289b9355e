"""Who may know whom, what an import costs, and that everything public says what it promises."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import eventkit as ek

PACKAGE = Path(ek.__file__).parent
ROOT = PACKAGE.parent
LAB_ONLY = {"ipywidgets", "matplotlib", "IPython", "anywidget", "traitlets", "ipykernel"}
OUTSIDE_LAB = sorted(
    path for path in PACKAGE.rglob("*.py") if "lab" not in path.relative_to(PACKAGE).parts
)
HTTPS = ("incoming", "server", "workers", "handlers")
EXECUTORS = ("inline", "threads", "event_loop")

# module: what of eventkit it may import when it is itself imported. Each line only names modules
# of the lines above it, so that this is also the order in which to read.
MAY_KNOW: dict[str, set[str]] = {
    "topics": set(),
    "checks": set(),
    "wire": set(),
    "event": {"topics", "wire"},
    "errors": set(),
    "handlers": {"event"},
    "forks": set(),
    "queues": {"errors", "event", "forks"},
    "queueing": set(),
    "real_time": set(),
    "clock": {"checks", "forks"},
    "flow": {"checks", "event", "clock", "forks"},
    "log": {"event", "topics", "checks", "wire"},
    "timeline": {"checks", "event", "topics"},
    "executors": {"checks", "event", "handlers", "queues"},
    **{
        f"executors.{name}": {"checks", "event", "handlers", "queues", "executors"}
        for name in EXECUTORS
    },
    "replies": {"errors", "event"},
    "outcomes": {"topics", "errors", "event", "handlers", "replies"},
    "subscription": {"checks", "event", "handlers", "queues", "executors", "executors.inline"},
    "recording": {"errors", "event", "timeline", "outcomes"},
    "bus": {
        *("checks", "topics", "event", "timeline", "errors", "handlers", "replies", "outcomes"),
        *("executors", "executors.inline", "forks", "subscription", "recording"),
    },
    "triggers": {"checks", "event", "queues"},
    "testing": {"checks", "topics"},
    "security": set(),
    "security.access": {"forks", "topics"},
    "security.tokens": {"security.access"},
    "security.certificates": {"security.access"},
    "security.cipher": {"checks", "event", "forks", "security.access"},
    "security.identity": {"event", "topics", "log", "handlers", "subscription", "security.access"},
    "https.incoming": {"event", "topics", "wire"},
    "https.server": set(),
    "https.workers": set(),
    "https.handlers": {
        *("queues", "log", "security.access", "security.identity"),
        "https.incoming",
    },
    "https": {"checks", "flow", "forks", *(f"https.{name}" for name in HTTPS)},
}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def is_module(name: str) -> bool:
    """Whether this is a module of eventkit and not something that a module has."""
    path = ROOT.joinpath(*name.split("."))
    return path.is_relative_to(PACKAGE) and (path.is_dir() or path.with_suffix(".py").is_file())


def imports(path: Path, *, lazily: bool) -> set[str]:
    """The absolute names of modules that a file imports when it is imported itself, or anywhere
    with `lazily`. What stands under TYPE_CHECKING is imported by nobody.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ["eventkit", *name_of(path).split(".")]
    if path.name != "__init__.py":
        package.pop()
    package = [part for part in package if part]
    found: set[str] = set()

    def look(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not lazily:
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found.update(
                f"{origin}.{alias.name}" if is_module(f"{origin}.{alias.name}") else origin
                for alias in node.names
            )
        for child in ast.iter_child_nodes(node):
            look(child)

    look(tree)
    return found


@pytest.mark.parametrize("path", OUTSIDE_LAB, ids=name_of)
def test_nothing_outside_lab_imports_what_only_notebooks_need(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imports(path, lazily=True)}
    assert not roots & LAB_ONLY


@pytest.mark.parametrize("path", OUTSIDE_LAB, ids=name_of)
def test_nothing_outside_lab_imports_lab(path: Path) -> None:
    assert not [name for name in imports(path, lazily=True) if name.startswith("eventkit.lab")]


@pytest.mark.parametrize("module", MAY_KNOW)
def test_a_module_knows_only_those_it_may_know(module: str) -> None:
    path = PACKAGE / (module.replace(".", "/") + ".py")
    if not path.exists():
        path = PACKAGE / module / "__init__.py"
    known = {
        name.removeprefix("eventkit.")
        for name in imports(path, lazily=False)
        if name.startswith("eventkit")
    }
    assert known <= MAY_KNOW[module]


def test_the_reading_order_is_the_order_of_dependency() -> None:
    read: set[str] = set()
    for module, known in MAY_KNOW.items():
        assert known <= read, module
        read.add(module)


@pytest.mark.parametrize(
    "statement", ["import eventkit", "import eventkit; eventkit.EventBus().subscribe('a', print)"]
)
def test_neither_the_import_nor_a_bus_loads_what_it_does_not_need(statement: str) -> None:
    unwanted = ["asyncio", "logging", "sqlite3", "concurrent.futures", "IPython", *sorted(LAB_ONLY)]
    code = f"{statement}\nimport sys; print([m for m in {unwanted} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_importing_eventkit_loads_nothing_of_it() -> None:
    code = "import eventkit, sys; print([m for m in sys.modules if m.startswith('eventkit.')])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_the_names_for_type_checkers_and_the_names_for_python_agree() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        (str(node.module), alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    loaded = {(module, name) for module, names in ek._HOME.items() for name in names}
    assert typed == loaded
    assert ek.__all__ == sorted(name for _, name in typed)


def test_every_name_can_be_had_and_is_listed() -> None:
    for name in ek.__all__:
        assert getattr(ek, name).__name__ == name
        assert name in dir(ek)


def public_things() -> list[tuple[str, object]]:
    """Public names, and the public methods that they define themselves. Executors' methods are
    those of the protocol, which says what they promise.
    """
    from eventkit.executors import Executor

    promised = set(vars(Executor))
    things: list[tuple[str, object]] = []
    for name in ek.__all__:
        thing = getattr(ek, name)
        things.append((name, thing))
        if inspect.isclass(thing):
            things += [
                (f"{name}.{attribute}", value)
                for attribute, value in vars(thing).items()
                if isinstance(value, FunctionType | property)
                and not attribute.startswith("_")
                and not (attribute in promised and hasattr(thing, "waits_by"))
            ]
    return things


@pytest.mark.parametrize("thing", dict(public_things()).values(), ids=dict(public_things()))
def test_every_public_name_says_what_it_promises(thing: object) -> None:
    assert getattr(thing, "__doc__", None)


@pytest.mark.parametrize("path", OUTSIDE_LAB, ids=name_of)
def test_every_file_says_in_its_first_line_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring
    assert len(docstring.splitlines()[0]) <= 100


CODE = [
    path for name in ("eventkit", "tests", "benchmarks") for path in (ROOT / name).rglob("*.py")
]


# asyncio's documentation has this one, for those who extend it. The client says why for its own.
PRIVATE_BUT_TOLD = {"_get_running_loop", "_bare_io_writer", "_over_ssl"}


def test_no_private_attribute_of_another_package_is_used() -> None:
    rule = ["--isolated", "--select", "SLF001", "--output-format", "concise"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", *rule, str(PACKAGE)],
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    used = set(re.findall(r"accessed: `(\w+)`", done.stdout))
    text = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    ours = set(re.findall(r"(?:self\.|def )(_\w+)", text))
    assert "_outgoing" in used  # ruff has looked, and does not tell ours from others
    assert used - ours == PRIVATE_BUT_TOLD


def test_text_in_files_has_an_encoding() -> None:
    """Without one it is the machine's own, which on Windows is not UTF-8. ruff knows the calls."""
    rule = ["--isolated", "--preview", "--select", "PLW1514", "--output-format", "concise"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", *rule, *CODE],
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("switch", ["text", "universal_newlines"])
def test_text_from_other_programs_has_an_encoding(switch: str) -> None:
    asked = f"{switch}=" + "True"
    assert [path for path in CODE if asked in path.read_text(encoding="utf-8")] == []
