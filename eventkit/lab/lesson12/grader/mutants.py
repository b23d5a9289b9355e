"""Mutants: the reference with one fault each. A learner's own test must notice every one.

None is a matter of luck. A handful of visitors shows the faults for the integration test. Those for
the stress test hit one visitor in a hundred, so several hundred show them. Those for the fault test
show after a forged message, a failed ticket, or a close and a second build.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Mutant(NamedTuple):
    """A system that `does` something wrong: it has `new` where the reference has `old`.

    A learner whose test does not notice it is told to look at `look_at`.
    """

    does: str
    look_at: str
    old: str
    new: str

    def source(self) -> str:
        """Return the mutant's source. Raises ValueError unless `old` occurs exactly once."""
        text = reference_source()
        if text.count(self.old) != 1:
            raise ValueError(f"the reference must have this once: {self.old!r}.")
        return text.replace(self.old, self.new)


def reference_source() -> str:
    """Return the source of the reference system."""
    return Path(__file__).with_name("reference.py").read_text(encoding="utf-8")


INTEGRATION = (
    Mutant(
        "listens to one of its doors only",
        "who comes in where: send visitors to both doors, and assert that all are counted",
        '@bus.listener("door.*")',
        '@bus.listener("door.north")',
    ),
    Mutant(
        "counts visitors without printing a ticket",
        "the work that you build it with: if it records its visitors, as tickets.append does, you "
        "can check them afterwards",
        '        work(event.data["visitor"])\n',
        "",
    ),
    Mutant(
        "counts a visitor again who is reported again",
        "the visitors that you report: report one twice, and look at the counts after close(), "
        "when the second report would have been counted too",
        "            if visitor in known:\n                return\n",
        "",
    ),
    Mutant(
        "reports the count 1 each time",
        "the numbers in count.changed, not only how often it was fired",
        "count += 1",
        "count = 1",
    ),
    Mutant(
        "never announces that the target is reached",
        "notice.full: send as many visitors as the target, and assert that it was fired",
        "            notify()\n",
        "",
    ),
    Mutant(
        "announces the target again and again",
        "notice.full: send more visitors than the target, and assert how often it was fired",
        ' and not log.last_sequence_of("notice.full")',
        "",
    ),
)

_ADDED = "            known.add(visitor)\n"
_IS_FULL = "            if len(known) - len(done) >= 20 + 4:\n"

STRESS = (
    Mutant(
        "takes in one visitor in a hundred and forgets them",
        "how many visitors you send, and who was counted: send several hundred and check each",
        _ADDED,
        _ADDED
        + "            if len(known) % 100 == 0:\n"
        + "                done.add(visitor)\n"
        + "                return\n",
    ),
    Mutant(
        "prints two tickets for one visitor in a hundred, and counts both",
        "how many counts there were after close(), not only for which visitors: a set hides "
        "repetitions",
        _ADDED,
        _ADDED
        + "            if len(known) % 100 == 0:\n"
        + '                bus.fire("visitor.admitted", event.data)\n',
    ),
    Mutant(
        "loses one update of its counter in a hundred",
        "the numbers in count.changed: from 1 to the number of visitors, none missing, none twice",
        "count += 1",
        "count += len(done) % 100 > 0",
    ),
    Mutant(
        "ignores visitors who come again after a refusal",
        "refused visitors: when fire raises ek.QueueFull, report that visitor again until it does "
        "not, and assert that every visitor is counted in the end",
        _IS_FULL,
        "            if len(known) % 100 == 99:\n"
        "                known.add(visitor)\n"
        "                done.add(visitor)\n"
        '                raise ek.QueueFull(event, "the entrance is full and refused")\n'
        + _IS_FULL,
    ),
)

FAULTS = (
    Mutant(
        "does nothing in close()",
        "close(): call it while visitors are still being served, and look at the counts as soon as "
        "it returns",
        "        bus.close(timeout=30)\n        log.close()\n",
        "        pass\n",
    ),
    Mutant(
        "announces the target again after a restart",
        "notice.full: reach the target, close, build on the same path, and assert how often it was "
        "fired in both runs together",
        "    def start():\n        notify()\n",
        "    def start():\n"
        "        if count >= target:\n"
        '            bus.fire("notice.full", {"count": target})\n',
    ),
    Mutant(
        "serves a visitor again who is reported again after a restart",
        "the visitors after the restart: report one who has a ticket, and assert that work is not "
        "called for that visitor",
        '    count = sum(1 for _ in log.read(topic="visitor.served"))\n',
        '    count = sum(1 for _ in log.read(topic="visitor.served"))\n'
        "    known, done = known - done, set()\n",
    ),
    Mutant(
        "tries a failed visitor again after a restart",
        "work: let it fail for one visitor, close, build on the same path, and assert that it was "
        "called three times for that visitor in both runs together",
        'log.read(topic="visitor.*")',
        'log.read(topic="visitor.served")',
    ),
    Mutant(
        "lets the screen publish what it shows",
        'the screen: fire count.changed as bus.as_("screen"), and assert that it raises '
        "ek.PermissionDenied",
        'policy.allow("screen", subscribe=["count.>", "notice.>"])',
        'policy.allow("screen", publish="count.>", subscribe=["count.>", "notice.>"])',
    ),
)
