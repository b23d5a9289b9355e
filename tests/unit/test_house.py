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

# The parts in the order in which to read them: each may import those before it, and itself.
LONGEST_CLASS = 350  # lines
ORDER = [
    *("topics", "checks", "forks", "wire", "event", "handlers", "errors", "timeline"),
    *("asyncio_waits", "executors", "flow", "log", "replies", "outcomes", "subscription"),
    *("delivery", "places", "recording", "routing", "bus"),
    *("triggers", "testing", "security", "https", "nats", "lab", "lessons", "__main__"),
]


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def is_module(name: str) -> bool:
    """Whether this is a module of eventkit and not something that a module has."""
    path = ROOT.joinpath(*name.split("."))
    return path.is_relative_to(PACKAGE) and (path.is_dir() or path.with_suffix(".py").is_file())


def imports(path: Path) -> set[str]:
    """Return the absolute names of the modules that a file imports anywhere, for types too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ["eventkit", *name_of(path).split(".")]
    if path.name != "__init__.py":
        package.pop()
    package = [part for part in package if part]
    found: set[str] = set()

    def look(node: ast.AST) -> None:
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
    roots = {name.partition(".")[0] for name in imports(path)}
    assert not roots & LAB_ONLY


EVERY = {f"eventkit.{name_of(path)}".rstrip("."): path for path in PACKAGE.rglob("*.py")}
KNOWN = {
    module: {name for name in imports(path) if name in EVERY} - {module}
    for module, path in EVERY.items()
}


def part(module: str) -> str:
    return module.split(".")[1]


def test_every_part_has_its_place_in_the_order() -> None:
    assert {part(module) for module in EVERY if "." in module} == set(ORDER)


@pytest.mark.parametrize("module", sorted(set(EVERY) - {"eventkit"}))
def test_a_part_imports_only_what_comes_before_it(module: str) -> None:
    place = ORDER.index(part(module))
    assert {part(name) for name in KNOWN[module] if "." in name} <= set(ORDER[: place + 1])


def test_no_imports_go_in_a_circle() -> None:
    left = dict(KNOWN)
    while ready := {module for module, known in left.items() if not known & set(left)}:
        left = {module: known for module, known in left.items() if module not in ready}
    assert left == {}


def test_only_nats_imports_nats_py() -> None:
    for module, path in EVERY.items():
        roots = {name.partition(".")[0] for name in imports(path)}
        assert "nats" not in roots or part(module) == "nats", module


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


PUBLIC = [name for name in dir(ek) if not inspect.ismodule(getattr(ek, name))]


NEED_EXTRAS = vars(ek)["_NEED_EXTRAS"]


def test_every_name_can_be_had_and_is_listed() -> None:
    assert {*ek.__all__, *NEED_EXTRAS} == {*dir(ek)}
    for name in PUBLIC:
        assert getattr(ek, name).__name__ == name


def test_import_star_works_without_extras() -> None:
    extras = ["nats", "tornado", "cryptography", "eventlet", *sorted(LAB_ONLY)]
    hide = f"import sys; sys.modules.update(dict.fromkeys({extras}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{hide}\nfrom eventkit import *\nprint(EventBus, open_log)"],
        capture_output=True, encoding="utf-8", check=True, cwd=ROOT,
    )  # fmt: skip
    assert "EventBus" in done.stdout


def public_things() -> list[tuple[str, object]]:
    """Public names, and the public methods that they define themselves. Executors' methods are
    those of the protocol, which says what they promise.
    """
    from eventkit.executors.base import Executor

    promised = set(vars(Executor))
    things: list[tuple[str, object]] = []
    for name in PUBLIC:
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


# asyncio's documentation has the first. The client of NATS and Processes say why for theirs.
PRIVATE_BUT_TOLD = {"_get_running_loop", "_bare_io_writer", "_over_ssl", "_Popen"}


def test_no_class_is_too_long_to_be_read() -> None:
    lengths = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for path in OUTSIDE_LAB
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_CLASS} == {}


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
