"""The grader: good systems pass, each bad one is refused for its own reason, nobody fools it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventkit import testing
from eventkit.lab.lesson12 import exercise as build_one_that_holds, grader
from eventkit.lab.lesson12.grader import criteria, mutants
from eventkit.lab.lesson12.grader.criteria import CRITERIA, Criterion
from eventkit.lab.lesson12.grader.finding import HANGS, Facts, Finding
from eventkit.lab.lesson12.grader.mutants import Mutant
from eventkit.lab.lesson12.grader.own_tests import systems
from eventkit.lab.lesson12.grader.scenarios import USE
from eventkit.lab.lesson12.grader.trial import outcome

from .submissions import CLOSE_AND_LOOK, EVENT_LOOP, HEAD, QUEUE_WORKER, WAIT_AND_LOOK

LONG = 60.0
GOOD = build_one_that_holds.text_of(build_one_that_holds.exercise.solution)

# Which criterion must find which belief out; the exercise has the systems.
FOUND_BY = {
    "to be at the target is to be beyond it": "counting",
    "a door is a door": "access",
    "a screen may see everything": "access",
    "a message is handled exactly once": "again",
    "to handle it at once is to be quick": "slow",
    "one worker is safer": "slow",
    "more workers are faster": "printers",
    "a retry is a try": "failing",
    "a failure makes itself heard": "failing",
    "a queue needs no bound": "flood",
    "to drop is to refuse": "flood",
    "back-pressure suits every system": "flood",
    "into the log first, to be safe": "flood",
    "what is on disk takes care of itself": "killed",
    "state is the truth": "killed",
    "twice is better than never": "killed",
}


def finding(source: str, name: str, **limits: float) -> Finding | None:
    """What one criterion says."""
    (one,) = grader.grade(source, [name], **limits)
    return one.finding


def command(*arguments: object) -> tuple[int, str]:
    """The exit status of the command, and all that it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "eventkit", "grade", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        timeout=LONG,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.measures
@pytest.mark.parametrize(
    "source",
    [
        pytest.param(QUEUE_WORKER + CLOSE_AND_LOOK, id="queue worker"),
        pytest.param(EVENT_LOOP + WAIT_AND_LOOK, id="event loop"),
    ],
)
def test_a_good_system_of_another_kind_meets_every_criterion(source: str) -> None:
    assert [one.finding for one in grader.grade(source)] == [None] * len(CRITERIA)


@pytest.mark.long
@pytest.mark.parametrize("wrong", build_one_that_holds.exercise.wrong, ids=lambda w: w.belief)
def test_a_bad_system_is_refused_by_the_criterion_that_is_meant(wrong: Any) -> None:
    found = grader.first_finding(wrong.attempt)
    assert found is not None and found.finding is not None
    assert found.criterion.name == FOUND_BY[wrong.belief]
    assert wrong.says in " ".join(found.finding)


@pytest.mark.long
def test_a_nap_after_each_ticket_does_not_keep_up_with_the_load() -> None:
    ticket = 'work(event.data["visitor"])\n'
    napping = GOOD.replace(ticket, ticket + "        threading.Event().wait(0.5)\n")
    found = finding(napping, "response")
    assert found is not None
    assert "keeps up" in found.look_at


def test_what_a_submission_prints_is_nobodys_proof() -> None:
    prints = HEAD + "    print('✓ counting passed', flush=True)\n    raise SystemExit(0)\n"
    found = finding(prints, "counting")
    assert found is not None
    assert "SystemExit" in found.seen


def test_a_function_that_lacks_an_import_is_told_where_to_put_it() -> None:
    found = finding(GOOD.replace("    import threading\n", "", 1), "counting")
    assert found is not None
    assert "NameError" in found.seen and "import inside it" in found.look_at


@pytest.mark.parametrize("topic", ["visitor.>", "audit.>"])
def test_a_screen_that_sees_more_than_its_own_is_refused(topic: str) -> None:
    found = finding(GOOD.replace('"notice.>"]', f'"notice.>", "{topic}"]'), "access")
    assert found is not None and found.expected == f"screen subscribes to {topic}: PermissionDenied"


def test_a_submission_that_ends_the_process_is_wrong() -> None:
    found = finding(HEAD + "    import os\n    os._exit(0)\n", "counting")
    assert found is not None
    assert "ended before, with status 0" in found.seen


def test_a_submission_that_crashes_the_interpreter_is_wrong() -> None:
    found = finding(HEAD + "    import os\n    os.abort()\n", "counting")
    assert found is not None
    assert "ended before, with status" in found.seen


def test_a_submission_that_hangs_is_ended_and_told_where() -> None:
    found = finding(HEAD + "    while True: pass\n", "counting", deadline=2)
    assert found is not None
    assert found.seen == "it hangs"
    assert "build" in found.look_at


def test_what_keeps_a_file_from_being_read_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "my_system.py").write_text("import nothing_there\n" + GOOD, encoding="utf-8")
    status, printed = command(tmp_path / "my_system.py")
    assert status == 1
    assert printed.count("nothing_there") == 1
    assert printed.splitlines()[-1] == (
        "not yet: nothing else can be graded before the file can be run"
    )


def test_the_specification_has_the_response_goal_that_is_graded() -> None:
    text = " ".join((build_one_that_holds.exercise.solution.__doc__ or "").split())
    assert f"at work {USE:.0%} of the time" in text.replace(" %", "%")
    assert f"{criteria.RANK} % of them are counted within {criteria.SLACK:g} times" in text
    assert f"or {criteria.BESIDE:g} times what the grader's own system takes" in text


def test_a_submission_that_raises_when_it_is_read_is_wrong() -> None:
    found = finding("1 / 0\n" + GOOD, "counting")
    assert found is not None
    assert (found.seen, "the file itself" in found.look_at) == (
        "ZeroDivisionError: division by zero",
        True,
    )


def test_the_stub_as_it_stands_is_no_attempt(tmp_path: Path) -> None:
    stub = tmp_path / "my_system.py"
    stub.write_text(
        "import eventkit as ek\n\n" + build_one_that_holds.exercise.stub(), encoding="utf-8"
    )
    assert command(stub) == (1, "not attempted: build still returns the … of the stub.\n")


def test_the_command_ends_with_0_for_what_passes_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "my_system.py").write_text(GOOD, encoding="utf-8")
    status, printed = command(tmp_path / "my_system.py", "--only", "counting,access")
    assert (status, printed.splitlines()[-1]) == (0, "passed")
    assert printed.count("✓") == 2


def test_the_command_ends_with_1_for_what_is_wrong_and_says_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "my_system.py").write_text(
        GOOD.replace('publish="door.north"', 'publish=">"'), encoding="utf-8"
    )
    status, printed = command(tmp_path / "my_system.py", "--only", "access")
    assert status == 1
    for part in ("✗ access", "expected:", "seen:", "look at:"):
        assert part in printed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("def build(path, work, target:\n", "is no Python"),
        ("\0", "is no Python"),
        ("def other(): ...\n", "has no function build"),
        ("def build(path): ...\n", "must take three arguments"),
    ],
)
def test_a_file_that_cannot_be_graded_is_misuse(
    tmp_path: Path, text: str | None, says: str
) -> None:
    file = tmp_path / "my_system.py"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    status, printed = command(file)
    assert status == 2
    assert says in printed


def test_a_criterion_that_is_none_is_misuse_and_the_known_are_listed(tmp_path: Path) -> None:
    (tmp_path / "my_system.py").write_text(GOOD, encoding="utf-8")
    status, printed = command(tmp_path / "my_system.py", "--only", "beauty")
    assert status == 2
    assert "There are: counting, access" in printed


# The learner's own tests, which are run on good systems and on mutants.

NOTICES_ALL = GOOD + CLOSE_AND_LOOK
ALWAYS = "\n\ndef integration_test(build):\n    "

# Which of the other criteria must refuse which mutant, and what it must say.
REFUSED_BY = {
    "listens to one of its doors only": ("counting", "which topics your handlers listen to"),
    "counts visitors without printing a ticket": ("printers", "who calls work(visitor)"),
    "counts a visitor again who is reported again": ("again", "no second ticket"),
    "reports the count 1 each time": ("counting", "read, add and fire must be one step"),
    "never announces that the target is reached": ("counting", "compares the count with the"),
    "announces the target again and again": ("counting", "`==` is true once"),
    "takes in one visitor in a hundred and forgets them": ("crowd", "which step was not taken"),
    "prints two tickets for one visitor in a hundred, and counts both":
        ("crowd", "what fires count.changed for a visitor"),
    "loses one update of its counter in a hundred": ("crowd", "read, add and fire must be one"),
    "ignores visitors who come again after a refusal": ("crowd", "which step was not taken"),
    "does nothing in close()": ("closing", "when close() returns"),
    "announces the target again after a restart": ("closing", "no notice.full in the next process"),
    "serves a visitor again who is reported again after a restart":
        ("closing", "no second ticket"),
    "tries a failed visitor again after a restart": ("closing", "given up before the restart"),
    "lets the screen publish what it shows": ("access", "screen publishes on count.changed"),
}  # fmt: skip


def counts_of(source: str, visitors: int) -> list[Any]:
    """What a system counted of so many, who came again where they were refused."""
    made: dict[str, Any] = {}
    exec(source, made)
    with tempfile.TemporaryDirectory() as folder:
        system = made["build"](f"{folder}/museum.db", lambda visitor: None, visitors)
        counted = testing.Captured()
        system.bus.subscribe("count.changed", counted)
        system.start()
        for visitor in range(visitors):
            testing.wait_until(lambda one=visitor: outcome(  # type: ignore[misc]
                lambda: system.bus.as_("north").fire("door.north", {"visitor": one})) == "in"
            )  # fmt: skip
        system.close()
    return sorted((one["count"], one["visitor"]) for one in counted.data)


EVERY_MUTANT = (*mutants.INTEGRATION, *mutants.STRESS, *mutants.FAULTS)


@pytest.mark.long
@pytest.mark.parametrize("mutant", EVERY_MUTANT, ids=lambda one: one.does)
def test_a_mutant_is_refused_by_the_criterion_that_is_meant_for_its_own_reason(
    mutant: Mutant,
) -> None:
    found = grader.first_finding(mutant.source())
    assert found is not None and found.finding is not None
    criterion, says = REFUSED_BY[mutant.does]
    assert found.criterion.name == criterion
    assert says in " ".join(found.finding)


def test_at_least_three_good_systems_and_twenty_bad_ones_are_graded() -> None:
    bad = {one.attempt for one in build_one_that_holds.exercise.wrong}
    bad |= {one.source() for one in EVERY_MUTANT}
    assert len({GOOD, QUEUE_WORKER, EVENT_LOOP}) == 3
    assert len(bad) >= 20


@pytest.mark.long
@pytest.mark.parametrize("mutant", mutants.STRESS, ids=lambda one: one.does)
def test_a_mutant_for_the_stress_test_is_right_with_few_and_wrong_with_many(mutant: Mutant) -> None:
    few, many = counts_of(mutant.source(), 20), counts_of(mutant.source(), 150)
    assert [count for count, _ in few] == list(range(1, 21))
    assert {visitor for _, visitor in few} == set(range(20))
    assert ([count for count, _ in many], sorted(visitor for _, visitor in many)) != (
        list(range(1, 151)), list(range(150)),
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("source", [GOOD, QUEUE_WORKER, EVENT_LOOP])
def test_a_good_system_closes_and_opens_again_and_lets_no_screen_publish(source: str) -> None:
    assert finding(source, "closing") is None
    assert finding(source, "access") is None


@pytest.mark.long
@pytest.mark.parametrize("tests", [CLOSE_AND_LOOK, WAIT_AND_LOOK])
def test_a_good_fault_test_passes_the_good_and_notices_every_mutant(tests: str) -> None:
    assert finding(GOOD + tests, "faults") is None


def test_a_fault_test_that_only_restarts_is_told_what_it_has_not_noticed() -> None:
    restarts = GOOD + CLOSE_AND_LOOK.replace(
        "        assert is_forgery_denied(folder, build)\n", ""
    )
    found = finding(restarts, "faults")
    assert found is not None
    assert found == Finding(
        "fault_test fails on a system that lets the screen publish what it shows",
        "it passed; of 5 broken systems it noticed 4",
        mutants.FAULTS[-1].look_at,
    )


def test_the_learners_tests_are_asked_to_notice_at_least_eight_mutants() -> None:
    asked = [one for criterion in CRITERIA for one in criterion.mutants]
    assert len({one.does for one in asked}) == len(asked) >= 8
    assert set(REFUSED_BY) == {one.does for one in asked}


def test_the_reference_is_right_with_many() -> None:
    counts = counts_of(mutants.reference_source(), 150)
    assert [count for count, _ in counts] == list(range(1, 151))
    assert sorted(visitor for _, visitor in counts) == list(range(150))


def test_a_mutant_whose_place_has_gone_from_the_reference_is_none() -> None:
    for old in ("not in it", "count"):
        with pytest.raises(ValueError, match="must have this once"):
            Mutant("does", "look", old, "new").source()


@pytest.mark.parametrize(
    ("name", "test"),
    [("integration", "integration_test"), ("stress", "stress_test"), ("faults", "fault_test")],
)
def test_a_file_without_the_test_is_told_what_to_write(name: str, test: str) -> None:
    found = finding(GOOD, name)
    assert found is not None
    assert (found.expected, found.seen) == (
        f"a function {test}(build) in your file",
        "there is none",
    )


@pytest.mark.measures
def test_who_has_no_tests_ends_with_1_and_the_check_of_build_alone_does_not_ask(
    tmp_path: Path,
) -> None:
    (tmp_path / "my_system.py").write_text(GOOD, encoding="utf-8")
    status, printed = command(tmp_path / "my_system.py", "--only", "integration,stress")
    assert (status, printed.count("there is none")) == (1, 2)
    assert grader.first_finding(GOOD) is None


def test_a_test_that_never_fails_is_blind() -> None:
    found = finding(GOOD + ALWAYS + "build", "integration")
    assert found is not None
    assert found.seen == "it passed; of 6 broken systems it noticed 0"
    assert "whether it asserts anything" in found.look_at


def test_a_test_that_always_fails_fails_on_what_is_right() -> None:
    found = finding(GOOD + ALWAYS + "assert not build, 'no'", "integration")
    assert found is not None
    assert found.expected == "integration_test passes on your own system"
    assert found.seen.startswith("AssertionError: no (line ")


def test_a_test_that_knows_only_its_own_system_fails_on_another() -> None:
    of_its_own = GOOD.replace("return SimpleNamespace(", "return SimpleNamespace(mine=1, ")
    found = finding(of_its_own + ALWAYS + "build('m.db', print, 1).mine", "integration")
    assert found is not None
    assert found.expected == "integration_test passes on the reference"
    assert "AttributeError" in found.seen


def test_a_test_that_looks_away_is_told_what_it_has_not_noticed() -> None:
    looks_away = NOTICES_ALL.replace("    assert notices == 1\n", "    assert notices >= 1\n")
    assert looks_away != NOTICES_ALL
    found = finding(looks_away, "integration")
    assert found is not None
    assert found == Finding(
        "integration_test fails on a system that announces the target again and again",
        "it passed; of 6 broken systems it noticed 5",
        mutants.INTEGRATION[-1].look_at,
    )


def test_a_stress_test_with_a_few_visitors_is_none() -> None:
    few = NOTICES_ALL.replace("150", "30").replace("300", "60")
    found = finding(few, "stress")
    assert found is not None
    assert found.seen == "it passed; of 4 broken systems it noticed 0"


@pytest.mark.long
def test_a_test_that_hangs_is_ended_and_told_on_which_system() -> None:
    found = finding(QUEUE_WORKER + ALWAYS + "while True: pass", "integration", deadline=2)
    assert found is not None
    assert (found.expected.split(":")[0], found.seen) == (
        "integration_test on your own system",
        "it hangs",
    )
    assert "without a limit" in found.look_at


def test_a_test_that_ends_the_process_has_not_passed() -> None:
    found = finding(GOOD + ALWAYS + "raise SystemExit", "integration")
    assert found is not None
    assert "SystemExit" in found.seen


# The judges themselves, on facts: no process is needed to see whether they see.

FINE = [[number, number] for number in range(1, 16)]
CLOSED = [number for number in range(1, 13) if number != 2]
SYSTEMS = systems(GOOD, mutants.INTEGRATION)
TRIED = [(one, {"noticed": "AssertionError"} if one.mutant else {}) for one in SYSTEMS]
AS_IT_SHOULD_BE: dict[str, Facts] = {
    "counting": {"came": ["in"] * 15, "counts": FINE, "notices": 1},
    "again": {"served": [1, 2, 3, 4], "counts": FINE[:4]},
    "slow": {"came": 12, "meanwhile": 11, "counts": FINE[:12]},
    "printers": {"most": 4},
    "crowd": {"counts": [[number, number] for number in range(1, 241)]},
    "killed": {
        "came": ["in"] * 12,
        "served": [1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        "count": FINE[:3],
        "counts": FINE[3:12],
        "notices": 1,
    },
    "closing": {
        "came": ["in"] * 12,
        "finished": [[place, number] for place, number in enumerate(CLOSED, start=1)],
        "failed": [2],
        "notices": 1,
        "served": [13],
        "counts": [[12, 13]],
        "failed_again": [],
        "notices_again": 0,
    },
    "integration": {"test": "integration_test", "tried": TRIED},
    "response": {
        "counted": [0.02 * number + 0.05 for number in range(90)],
        "due": [0.02 * number for number in range(90)],
        "own_delay": [0.0] * 90,
        "services": [0.04] * 90,
    },
}
AS_IT_SHOULD_BE["response"]["reference"] = dict(AS_IT_SHOULD_BE["response"])

SPOILT: list[tuple[str, dict[str, Any]]] = [
    ("counting", {"counts": FINE[:14]}),
    ("counting", {"counts": [*FINE[:14], [15, 1]]}),
    ("counting", {"counts": [*FINE, [16, 99]]}),
    ("counting", {"counts": [*FINE[:14], [14, 15]]}),
    ("counting", {"notices": 0}),
    ("counting", {"notices": 2}),
    ("counting", {"came": ["in"] * 14 + ["PermissionDenied"]}),
    ("again", {"served": [1, 1, 2, 3, 4]}),
    ("slow", {"came": 3}),
    ("slow", {"meanwhile": 5}),
    ("printers", {"most": 0}),
    ("printers", {"most": 3}),
    ("printers", {"most": 5}),
    ("crowd", {"counts": FINE}),
    ("killed", {"served": [1, 2, 3]}),
    ("killed", {"served": [*range(1, 13), *range(1, 13)]}),
    ("killed", {"counts": FINE[:12]}),
    ("killed", {"counts": FINE[3:11]}),
    ("killed", {"notices": 2}),
    ("closing", {"came": ["in"] * 11 + ["PermissionDenied"]}),
    ("closing", {"finished": []}),
    ("closing", {"failed": []}),
    ("closing", {"notices": 2}),
    ("closing", {"notices_again": 1}),
    ("closing", {"served": [2, 2, 2, 13]}),
    ("closing", {"failed_again": [2]}),
    ("closing", {"served": [1, 13]}),
    ("closing", {"counts": [[1, 13]]}),
    ("closing", {"counts": []}),
    ("integration", {"tried": []}),
    ("integration", {"tried": [(SYSTEMS[0], {"noticed": "AssertionError"}), *TRIED[1:]]}),
    ("integration", {"tried": [TRIED[0], (SYSTEMS[1], {"noticed": "KeyError"}), *TRIED[2:]]}),
    ("integration", {"tried": [*TRIED[:-1], (SYSTEMS[-1], {})]}),
    ("integration", {"tried": [*TRIED[:-1], (SYSTEMS[-1], Finding("an end", HANGS, ""))]}),
    ("response", {"counted": [0.02 * number + 0.5 for number in range(90)]}),
    ("response", {"counted": [None] * 90}),
]


def sees(judge: Callable[[Facts], Finding | None], name: str) -> None:
    """It lets pass what is as it should be and nothing that is spoilt, or AssertionError."""
    fine = AS_IT_SHOULD_BE[name]
    assert judge(fine) is None
    for spoilt in (changes for criterion, changes in SPOILT if criterion == name):
        assert judge(fine | spoilt) is not None, spoilt


@pytest.mark.parametrize("name", AS_IT_SHOULD_BE)
def test_a_judge_sees_what_is_wrong_and_a_blind_one_is_found_out(name: str) -> None:
    judge = grader.named(name).judge
    sees(judge, name)
    for blind in (lambda facts: None, lambda facts: Finding("", "", "")):
        with pytest.raises(AssertionError):
            sees(blind, name)


def test_the_first_wrong_number_is_said_with_those_before_it_and_not_all() -> None:
    judge = grader.named("crowd").judge
    numbers = [*range(1, 100), 99, *range(100, 240)]
    found = judge({"counts": list(zip(numbers, range(1, 241), strict=True))})
    assert found is not None
    assert found.seen == "the numbers … 97, 98, 99, 99, where 100 should be the last"


ROOM_FOR_ALL = {"came": ["in"] * 24 + ["QueueFull"] * 48, "later": [[25, 1000]]}
IN_TIME = [[number, number] for number in range(1, 25)]


@pytest.mark.parametrize(
    ("counts", "look_at"),
    [
        (IN_TIME[:20], "To drop a visitor silently"),
        ([*IN_TIME, [25, 1]], "for each of them it must happen once"),
        ([*IN_TIME, [25, 70]], "only visitors who have a ticket"),
        ([[1, visitor] for _, visitor in IN_TIME], "read, add and fire must be one step"),
    ],
)
def test_what_a_flood_advises_depends_on_the_fault(counts: list[Any], look_at: str) -> None:
    judge = grader.named("flood").judge
    assert judge(ROOM_FOR_ALL | {"counts": IN_TIME}) is None
    found = judge(ROOM_FOR_ALL | {"counts": counts})
    assert found is not None
    assert look_at in found.look_at


def test_lateness_of_the_grader_itself_is_not_held_against_a_system() -> None:
    late = AS_IT_SHOULD_BE["response"] | {
        "counted": [0.02 * number + 5.05 for number in range(90)],
        "own_delay": [5.0] * 90,
    }
    assert grader.named("response").judge(late) is None


def test_a_visitor_or_two_who_found_it_full_are_borne_and_many_are_not() -> None:
    fine = AS_IT_SHOULD_BE["response"]
    judge = grader.named("response").judge
    assert judge(fine | {"counted": [None] * 4 + fine["counted"][4:]}) is None
    assert judge(fine | {"counted": [None] * 5 + fine["counted"][5:]}) is not None


def test_facts_that_cannot_be_judged_are_a_finding() -> None:
    blind: Criterion = grader.named("counting")
    found = grader._said_by(blind, {"came": ["in"] * 15, "counts": 7, "notices": 1})
    assert found is not None
    assert found.expected == "facts that can be judged"


def test_a_grader_whose_judges_accept_everything_or_nothing_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = build_one_that_holds.exercise.wrong[0]
    for judge in (lambda facts: None, lambda facts: Finding("", "", "no")):
        blind = grader.named("counting")._replace(judge=judge)
        monkeypatch.setattr(grader, "CRITERIA", (blind,))
        (right,), (refused,) = grader.grade(GOOD), grader.grade(wrong.attempt)
        assert right.finding is not None or refused.finding is None
