"""Lesson 00: put the stages of a click's journey in order."""

from __future__ import annotations

from ..course.exercise import Exercise, Wrong, attempted
from .click_tracer import STAGES

_LETTER_OF = dict(zip(STAGES, "GBEIAHCFD", strict=True))
STAGE_OF = {letter: stage for stage, letter in sorted(_LETTER_OF.items(), key=lambda p: p[1])}


def journey() -> str:
    """The letters of the stages as they happen, such as "ABCDEFGHI"."""
    # solution begins
    return "GBEIAHCFD"
    # solution ends


# What to say if a stage stands before the one that it must follow, in the order of the journey.
_BELIEFS = [
    "your click waits in the kernel before the browser has sent it. The kernel cannot see your "
    "finger: it hears of a click only from the browser's message",
    "your callback runs before the loop is free. While the cell above blocked, three clicks "
    "were waiting and the callback ran not once: a click does not run your code, it asks for it",
    "your event is fired before the callback has run. Only the callback's code fires it",
    "your event is in the queue before it has been fired. It exists only from `fire` on",
    "your processor runs before its event has been in the queue. That would be the inline way, in "
    "the callback's thread; this processor has its own thread, which takes its work from a queue",
    "your listener runs before the processor. It listens to the processor's results, not to "
    "clicks: without a result there is nothing to hear",
    "your answer travels before the listener has run. Nothing else in the kernel tells the "
    "browser about this click: the message is the listener's doing",
    "your browser paints before the message has arrived. The kernel cannot paint: what you see "
    "of an answer is always a message from the kernel, painted by the browser",
]
_PAINTED_BY_THE_CLICK = (
    "the browser paints the answer before the processor has run. A button may look pressed at "
    "once, by the browser alone; the answer comes from your code, at the end of the whole journey"
)


def diagnose(attempt: object) -> str | None:
    letters = attempted(attempt() if callable(attempt) else attempt)
    if isinstance(letters, str):
        letters = letters.upper()
    else:
        return f"give the letters as one string, such as 'ABCDEFGHI'.\n  Yours: {letters!r}."
    if sorted(letters) != list(STAGE_OF):
        return _not_each_once(letters)
    at = [letters.index(_LETTER_OF[stage]) for stage in STAGES]
    *_, processing, _, _, painting = STAGES
    if letters.index(_LETTER_OF[painting]) < letters.index(_LETTER_OF[processing]):
        return _with_case(_PAINTED_BY_THE_CLICK, letters, processing, painting)
    for earlier, belief in enumerate(_BELIEFS):
        if at[earlier + 1] < at[earlier]:
            return _with_case(belief, letters, STAGES[earlier], STAGES[earlier + 1])
    return None


def _not_each_once(letters: object) -> str:
    missing = [letter for letter in STAGE_OF if letter not in str(letters)]
    return (
        "every click goes through every stage, and each takes time; none can be left out, and none "
        f"comes twice. Give each of the letters {''.join(STAGE_OF)} once, as a string.\n  Yours: "
        f"{letters!r}. Missing: {', '.join(missing) or 'none'}."
    )


def _with_case(belief: str, letters: str, earlier: str, later: str) -> str:
    """Return the diagnosis with the two stages that are in the wrong order."""
    first, second = _LETTER_OF[earlier], _LETTER_OF[later]
    return (
        f"{belief}.\n  Yours:    {second} “{later}” is number {letters.index(second) + 1}, and\n"
        f"            {first} “{earlier}” number {letters.index(first) + 1}.\n"
        f"  Expected: {first} before {second}."
    )


exercise = Exercise(
    name="order_of_stages",
    solution=journey,
    diagnose=diagnose,
    hints=(
        "Begin at your finger, end at the screen. Who can see the finger, and who can paint?",
        "In the kernel, everything starts with a callback, and a callback starts when the loop is "
        "free. An event exists from `fire` on.",
        "Browser, way, loop, callback, fire, queue, processor, listener, way, browser. The first "
        "letter is G, the last is D.",
    ),
    praise="Nine stages, and your code runs in four of them: the callback in two, then the "
    "processor and the listener.",
    wrong=[
        Wrong("a click runs my code now", lambda: "GEBIAHCFD", "before the loop is free"),
        Wrong("the kernel sees the finger", lambda: "BGEIAHCFD", "cannot see your finger"),
        Wrong("the bus fires by itself", lambda: "GBIEAHCFD", "Only the callback's code"),
        Wrong("a queue holds what is to come", lambda: "GBEAIHCFD", "only from `fire` on"),
        Wrong("fire runs the processor at once", lambda: "GBEIHACFD", "the inline way"),
        Wrong("a listener listens to clicks", lambda: "GBEIACHFD", "not to clicks"),
        Wrong("the bus answers the browser", lambda: "GBEIAHFCD", "the listener's doing"),
        Wrong("the kernel paints", lambda: "GBEIAHCDF", "kernel cannot paint"),
        Wrong("the screen answers by itself", lambda: "GDBEIAHCF", "look pressed"),
        Wrong("some stages do not matter", lambda: "GBEIHCD", "each of the letters"),
    ],
)
