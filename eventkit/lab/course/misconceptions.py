"""The wrong beliefs that the lessons are about: one list for predictions, checks and a page.

It has, for each lesson, each belief, the part whose experiment refutes it, and what it shows. If
only the exercise does, its check answers with the smallest case. A belief's words are its name,
which each wrong option of a prediction and each wrong answer of an exercise carries.
`docs/misconceptions.md` is made from this by `python -m tests.notebooks.misconceptions`.
"""

from __future__ import annotations

from typing import NamedTuple


class Refuted(NamedTuple):
    """Where a lesson refutes a belief, and what it shows, in one sentence."""

    heading: str
    because: str


_00 = "Exercise: the journey of one click"
_01 = "Exercise: a bus of your own"
_02 = "Exercise: tell exactly once"
_03 = "Exercise: meet the goal"
_04 = "Exercise: build a scheduler"
_05 = "Exercise: protect the invariant"
_06 = "Exercise: repair the benchmark"
_07 = "Exercise: choose the back-pressure"
_08 = "Exercise: a token bucket"
_09 = "Exercise: a projection that survives"
_10 = "Exercise: never twice"
_11 = "Exercise: repair a client"
_12 = "Exercise: build one that holds"

LEDGER: dict[str, dict[str, Refuted]] = {
    "00": {
        "a click runs my code now": Refuted(
            "While a cell sleeps",
            "A click only sends a message, and your code runs when the kernel's loop takes it.",
        ),
        "a click during a running cell is lost": Refuted(
            "While a cell sleeps", "The click is kept as a message until the loop is free."
        ),
        "clicks have a thread of their own": Refuted(
            "While nothing runs", "Cells and callbacks run in the same thread, one after the other."
        ),
        "the kernel sees the finger": Refuted(
            "Trace a click", "The kernel hears of a click only from the browser's message."
        ),
        "the bus fires by itself": Refuted(
            _00, "Only code fires an event; here it is the callback's."
        ),
        "a queue holds what is to come": Refuted(
            _00, "An event exists only from `fire` on, so it can't be queued before."
        ),
        "fire runs the processor at once": Refuted(
            "Trace a click",
            "`fire` puts the event in a queue, and the processor takes it later, in a "
            "thread of its own.",
        ),
        "a listener listens to clicks": Refuted(
            "Trace a click",
            "The listener hears the processor's results, so it can't run before there is one.",
        ),
        "the bus answers the browser": Refuted(
            _00,
            "The listener sends the message; nothing else in the kernel tells the browser"
            " about a click.",
        ),
        "the kernel paints": Refuted(
            "Trace a click", "The kernel only sends messages; the browser paints."
        ),
        "the screen answers by itself": Refuted(
            "Trace a click",
            "The browser may show a pressed button by itself, but the answer comes from your code.",
        ),
        "some stages do not matter": Refuted(
            "Trace a click", "Every click goes through every stage, and each takes time."
        ),
    },
    "01": {
        "a bus is asynchronous": Refuted(
            "Exact run: in which order?",
            "A bus has no *later* by itself: without an executor, the thread that fires "
            "does the work.",
        ),
        "listeners run side by side": Refuted(
            "Real run: how long does `fire` take?",
            "There is one thread, the one that called `fire`, so they run one after another.",
        ),
        "the first answer is enough": Refuted(
            "Real run: how long does `fire` take?",
            "A handler can't tell the others that it was enough, so all of them are called.",
        ),
        "a bus isolates by itself": Refuted(
            "A handler that raises",
            "One loop calls them all, and an exception that leaves the loop ends it for "
            "those behind.",
        ),
        "nothing can keep an exception from the others": Refuted(
            "A handler that raises", "A `try` around each single call does."
        ),
        "isolation takes a thread": Refuted(
            "A handler that raises", "A thread would do it, but a `try` is enough."
        ),
        "one try is enough": Refuted(
            _01, "A `try` around the whole loop ends the loop too: it belongs around each call."
        ),
        "caught is dealt with": Refuted(
            "A handler that raises", "A failure that is caught and dropped is never heard of again."
        ),
        "every event needs a listener": Refuted(
            _01,
            "An event without a listener is no error, because the code that fires need "
            "not know who listens.",
        ),
        "a topic has a handler": Refuted(
            "The parts", "A topic has any number of handlers, and each gets the event."
        ),
        "a bus tells everyone everything": Refuted(
            "Explore the parts", "An event goes only to the handlers of its topic."
        ),
        "the order does not matter": Refuted(
            "Exact run: in which order?",
            "Handlers are called in the order in which they subscribed, and programs rely on it.",
        ),
        "each listener gets an event": Refuted(
            "What a bus does not isolate",
            "All handlers get the same event object, so what one changes, the others see.",
        ),
        "a loop sees a list as it was": Refuted(
            _01,
            "A handler that subscribes during an event changes the very list that the loop walks.",
        ),
        "removing one disturbs no other": Refuted(
            _01,
            "Taking one handler from the list moves the others up, and the loop skips the next.",
        ),
        "a handler never leaves": Refuted(
            _01, "A handler can be cancelled at any time, even while its event is being handled."
        ),
        "a handler subscribes once": Refuted(
            _01, "A handler can subscribe twice, and each subscription is cancelled by itself."
        ),
    },
    "02": {
        "every event must be drawn": Refuted(
            "Exact run: a screen that can't keep up",
            "No one can see 10,000 numbers a second, and the way to the screen cannot carry them.",
        ),
        "every hundredth event will do": Refuted(
            "Exact run: a screen that can't keep up",
            "If 10,042 events come, the screen stays on 10,000: the last one must never "
            "be left out.",
        ),
        "a program may wait for its screen": Refuted(
            "Is the bus what you feel?", "Then the screen sets the pace of the whole program."
        ),
        "every count will be seen": Refuted(
            _02, "Merged clicks jump from 9 to 11, and a test for `==` misses the crossing."
        ),
        "at or above is the same as reaching": Refuted(
            _02, "Being at or above lasts, and tells again and again; a crossing is one step."
        ),
        "reaching means passing": Refuted(
            _02, "To reach the threshold is enough; it need not be passed."
        ),
        "both ends count as inside": Refuted(
            _02, "If both ends count, a count that starts on the threshold is told a second time."
        ),
        "a change of side is a crossing": Refuted(
            _02, "A reset changes the side too, but a crossing has a direction: upwards."
        ),
        "told once is told for ever": Refuted(
            _02, "After a reset the count can cross again, and must be told again."
        ),
        "every step is news": Refuted(_02, "A step that stays below the threshold is no crossing."),
        "the threshold is 10": Refuted(_02, "The threshold is an argument, and can be any number."),
        "to have computed it is enough": Refuted(
            _02, "A function without `return` gives None, which is no answer."
        ),
    },
    "03": {
        "the slow part is the processor": Refuted(
            "The slow part is not the processor",
            "Each piece of work takes as long as before; what grows is the wait of the "
            "events behind it.",
        ),
        "an answer takes as long as its handler": Refuted(
            "Exact run: what theory says",
            "The answer takes the handler's time and the wait for all events before it.",
        ),
        "response times count from the first event": Refuted(
            "Exact run: what theory says",
            "A response time runs from the click that is answered, not from the first one.",
        ),
        "you wait for the one before you": Refuted(
            "Exact run: what theory says",
            "The one before has been waiting too, so you wait for all that are not done.",
        ),
        "async makes my code faster": Refuted(
            "Does async make it faster?",
            "On an event loop, a blocking handler holds up every other, as it does inline.",
        ),
        "any thread pool will do": Refuted(
            "The race",
            "With too few threads the queue grows with every event, and no patience helps.",
        ),
        "more threads are faster": Refuted(
            "The race", "Beyond what the load needs, further threads never have anything to do."
        ),
        "an executor is a class": Refuted(
            _03, "An executor is an object with workers of its own, made by a call."
        ),
        "processes are stronger": Refuted(
            _03, "Work that only waits needs no processes, which cost more to start and to reach."
        ),
    },
    "04": {
        "async def cannot block": Refuted(
            "`async def` can block",
            "`async def` allows a function to await; a blocking call inside still keeps "
            "the thread.",
        ),
        "a loop hands slow work to a thread": Refuted(
            "`async def` can block",
            "A loop isn't running while a handler blocks, so it can't hand anything over:"
            " you must.",
        ),
        "asyncio notices blocking calls": Refuted(
            "`async def` can block", "Nothing is refused or reported; it is only slow."
        ),
        "await computes side by side": Refuted(
            "Computing is not waiting",
            "Awaiting together overlaps waits, and a computation has none.",
        ),
        "two threads compute on two cores": Refuted(
            "Computing is not waiting",
            "The two threads share one interpreter lock, and take turns.",
        ),
        "more threads than cores compute faster": Refuted(
            "Computing is not waiting",
            "One thread of a process at a time runs Python code, however many there are.",
        ),
        "waiting is doing nothing": Refuted(
            "One: block",
            "A blocked task keeps its thread to its end, and nothing else runs meanwhile.",
        ),
        "each wait must be slept": Refuted(
            _04, "Waits can be shared: sleep only until the first task is due."
        ),
        "yielding makes time pass": Refuted(
            _04, "A yielded number is a wish; the scheduler must see to it that the time passes."
        ),
        "0 means the end": Refuted(
            _04, "A task that yields 0 gives way and goes on; only `StopIteration` ends it."
        ),
        "first come, first to go on": Refuted(
            _04,
            "The task that is due first goes on first, even if another began to wait before it.",
        ),
        "the place in the list decides": Refuted(
            _04, "Of those that are due together, the one that has waited longest comes first."
        ),
        "looking at the clock is waiting": Refuted(
            _04, "Asking the clock again and again makes no time pass, and keeps a core busy."
        ),
        "a task has no result": Refuted(
            _04, "A task returns a value like any function, and the scheduler must keep it."
        ),
        "results come in the order of ending": Refuted(
            _04, "Each result stands in its task's place, whichever ended first."
        ),
    },
    "05": {
        "it printed the right number, so it is safe": Refuted(
            "Real run: rare is not never",
            "A thousand runs show one or two orders, the likely ones.",
        ),
        "one thread at a time, so no race": Refuted(
            "Exact run: every order there is",
            "The other thread may have its turn between your read and your write.",
        ),
        "one thread, no races": Refuted(
            "One thread, no races?",
            "Another coroutine has its turn at every `await`, so one between read and "
            "write is enough.",
        ),
        "races are always random": Refuted(
            "One thread, no races?",
            "An event loop gives turns in a fixed order, so its race ends the same way each time.",
        ),
        "more locks are safer": Refuted(
            "Are more locks safer?",
            "Each lock is one more thing that another task can hold while you wait for it.",
        ),
        "a wrong number is all that can go wrong": Refuted(
            "Are more locks safer?",
            "With two locks in opposite order, the tasks can wait for each other for ever.",
        ),
        "only writing is dangerous": Refuted(
            "Locks: which lines does one protect?",
            "A write under the lock is wrong if what it writes was read before the lock was taken.",
        ),
        "what I checked stays true": Refuted(
            _05, "A check made before the lock is out of date when the money is taken."
        ),
        "any lock protects": Refuted(_05, "A lock protects only from those who take the same one."),
        "the giver's lock will do": Refuted(
            _05,
            "Two accounts change, so a task with the other account's lock can still come "
            "in between.",
        ),
        "one lock around everything": Refuted(
            _05, "It is right, but transfers without a common account wait for each other."
        ),
        "locks make a check needless": Refuted(
            _05, "A lock keeps others out, but the balance must still be checked."
        ),
        "something must stay": Refuted(
            _05, "A balance of 0 is not negative, so all of it may be moved."
        ),
    },
    "06": {
        "a percentile sees every stall": Refuted(
            "Exact run: one stall, two ways to ask",
            "One request met the stall, because the tester sent no other while it lasted.",
        ),
        "a load tester's requests come like users": Refuted(
            "Exact run: one stall, two ways to ask",
            "They wait for each other, so they stay away exactly when the server is slow.",
        ),
        "waiting grows with the load": Refuted(
            "Utilisation against waiting",
            "Work grows in proportion; waiting goes with ρ / (1 − ρ).",
        ),
        "the last per cent costs like the first": Refuted(
            "Utilisation against waiting",
            "Each further per cent of utilisation costs more than the one before.",
        ),
        "the benchmark needs no repair": Refuted(
            _06, "It sends only after an answer, starts its clock on sending, and returns a mean."
        ),
        "a request's clock starts when it is sent": Refuted(
            "Exact run: one stall, two ways to ask",
            "A user who was due during the stall has been waiting since then.",
        ),
        "send the next when the last is answered": Refuted(
            "Real run: the same on the clock",
            "That is a closed loop: it pauses during the stall, and only one request meets it.",
        ),
        "users come as fast as the server can answer": Refuted(
            _06,
            "Users come when they want to; a tester that sends early measures a load that "
            "no user causes.",
        ),
        "the average is fine": Refuted(
            "Why the mean lies", "The mean may be a time that hardly any request took."
        ),
        "what is late already need not be sent": Refuted(
            _06, "Those who are skipped are the users who wait longest."
        ),
        "the slow start is warm-up": Refuted(
            _06, "If users wait for a slow start, they feel it, and it belongs in the record."
        ),
        "outliers are errors of measurement": Refuted(
            "Fan-out: the slowest of a hundred",
            "The slow answers are what users feel, and what you want to measure.",
        ),
        "the time between two answers is the response time": Refuted(
            _06, "That is throughput; a response time belongs to one request, from due to answered."
        ),
        "a percentile is a place in the record": Refuted(
            _06, "A percentile is a place in the order of size, so sort first."
        ),
        "percentiles count from the slowest": Refuted(
            _06, "Sorted from the slowest, the 99th percentile is one of the best answers."
        ),
        "an answer is good when it is a number": Refuted(
            _06, "A number counts only if every user's request was sent once, and is in it."
        ),
        "a maximum is safe": Refuted(
            _06, "A maximum is one request's time, and says nothing of how many users met it."
        ),
    },
    "07": {
        "a queue absorbs overload": Refuted(
            "Exact run: overload and burst",
            "What comes in and does not go out is still there, and waits.",
        ),
        "an overloaded queue settles": Refuted(
            "Exact run: overload and burst",
            "As long as more comes in than goes out, the queue grows.",
        ),
        "a queue buys nothing": Refuted(
            "Exact run: overload and burst", "It buys time: in a burst, every event is accepted."
        ),
        "handed out is gone": Refuted(
            "A queue that outlives its worker",
            "A queue on disk forgets a message when it hears that the work is done, not before.",
        ),
        "a killed process undoes its work": Refuted(
            "A queue that outlives its worker",
            "What the process had written is written, and a letter that it sent is in the post.",
        ),
        "the work dies with its worker": Refuted(
            "A queue that outlives its worker",
            "The message was lent to the worker, and when the time is over it is lent to another.",
        ),
        "one worker keeps the order": Refuted(
            _07, "It does, but here it is slower than the readings come, and the queue grows."
        ),
        "a queue needs no bound": Refuted(
            "A bound, and who pays",
            "Without a bound it takes the whole burst, and the last event waits for all "
            "the others.",
        ),
        "blocking loses nothing": Refuted(
            "Real run: the same on the clock",
            "It makes the firing thread wait, so the delay moves to where it may do more harm.",
        ),
        "an error is the honest answer": Refuted(
            _07,
            "The error is raised where the event was fired, by code that can only drop "
            "the reading.",
        ),
        "first come, first served": Refuted(
            "A bound, and who pays", "When events must go, keeping the old ones gives up the news."
        ),
        "more room is safer": Refuted("A bound, and who pays", "A longer queue is a longer wait."),
        "the shorter the queue, the better": Refuted(
            _07, "A queue that is too short absorbs no burst, which is what a queue is for."
        ),
        "one seed is enough": Refuted(
            _07, "What is fitted to one random day is too tight for the next."
        ),
        "more workers are faster": Refuted(
            _07, "When the load has enough workers, the others have nothing to do."
        ),
        "to show a reading is quick": Refuted(
            _07,
            "Showing a reading blocks, so it needs threads of its own, with a queue before them.",
        ),
    },
    "08": {
        "a quota spreads itself": Refuted(
            'Quotas: what does "10 per second" promise?',
            "All ten of a second may come in its first instant.",
        ),
        "10 per second means never 20 at once": Refuted(
            'Quotas: what does "10 per second" promise?',
            "A fixed window counts again from 0, so 20 may come around its edge.",
        ),
        "debounce and throttle are the same": Refuted(
            "Exact run: thirty keys, three filters",
            "A throttle lets one out in each interval; a debounce waits until it is quiet.",
        ),
        "a debounce lets a little through": Refuted(
            "Exact run: thirty keys, three filters",
            "A debounce lets nothing through until it is quiet; a throttle does.",
        ),
        "there is nothing to limit": Refuted(
            _08, "Without a test for an empty bucket, every event passes."
        ),
        "a bucket holds whatever drips into it": Refuted(
            _08, "Without a brim, a long pause saves up tokens that can all be spent at once."
        ),
        "a bucket starts empty": Refuted(
            _08, "None of the quota has been used yet, so it starts full."
        ),
        "tokens are whole": Refuted(
            _08, "Rounded down, less than one token is none, and frequent events never see one."
        ),
        "who asks, pays": Refuted(
            _08,
            "If the refused pay too, the bucket stays empty while many knock, and none gets in.",
        ),
        "a rate is a distance": Refuted(
            _08, "Events kept 1/rate apart keep the rate, but forbid the burst."
        ),
        "a quota is used up": Refuted(_08, "Tokens drip in all the time, `rate` of them a second."),
        "a bucket is filled in one go": Refuted(
            _08, "Filled at once, it is a fixed window of another length."
        ),
        "it is enough to remember the last second": Refuted(
            _08, "The promise, rate·t + burst, holds for a stretch of any length."
        ),
        "one bucket is all that anybody needs": Refuted(
            _08, "If two quotas share one bucket, what one lets pass is missing from the other."
        ),
        "the answer is the bucket": Refuted(
            _08, "`make_bucket` makes a quota; what it returns is asked for each event."
        ),
        "no event may pass": Refuted(
            _08, "To refuse everything keeps the rate, but a burst must pass."
        ),
        "a change is an answer": Refuted(
            _08, "The caller needs True or False, whatever has changed inside the bucket."
        ),
    },
    "09": {
        "state is the truth": Refuted(
            "Exact run: an evening, kept",
            "Many histories end in the same state, so none of them can be told from it.",
        ),
        "a log must be planned for its questions": Refuted(
            "Exact run: an evening, kept",
            "A log keeps what happened, so any question can be asked later.",
        ),
        "a log is too long to be read again": Refuted(
            "Snapshots",
            "A computer reads very many events in a second, and snapshots shorten the rest.",
        ),
        "events are in order because I sent them so": Refuted(
            "In which order?",
            "A log knows what arrived first, and one line may be slower than another.",
        ),
        "the clock says what came first": Refuted(
            "In which order?", "Two senders have two clocks, and clocks are wrong and put right."
        ),
        "each reader has an order of its own": Refuted(
            "In which order?", "A log has one order, for all its readers."
        ),
        "every message is delivered once": Refuted(
            _09,
            "Delivered at least once is not exactly once, so a projection must know what "
            "it has seen.",
        ),
        "what looks alike is the same event": Refuted(
            _09,
            "An event is known by its source and id, or by its place in the log, not by its data.",
        ),
        "sequences count up by one": Refuted(
            _09, "Sequences only grow; a reader of one topic meets gaps."
        ),
        "an id is unique": Refuted(_09, "An id is unique within its source only."),
        "a duplicate follows its original": Refuted(
            "Replay onto a bus",
            "A replay can go back to any entry, so the last one is not enough to remember.",
        ),
        "setting to 0 is idempotent": Refuted(
            _09, "Twice in a row is harmless, but once more after a later click loses the click."
        ),
        "a variable will remember": Refuted(
            _09, "After a crash only the state is left, so what was seen must be in it."
        ),
        "state is there to be changed": Refuted(
            _09, "Other code may still use the old state, as a snapshot of that moment."
        ),
        "what is in memory is kept": Refuted(_09, "What was only in memory is gone after a crash."),
        "every entry has a count": Refuted(
            _09, "A reset carries no data, and code that reads its count fails on it."
        ),
    },
    "10": {
        "a time-out is a no": Refuted(
            "Try it: the partition switch",
            "A lost answer looks like a lost click: from here you can't tell.",
        ),
        "the server gives up when I do": Refuted(
            "Try it: the partition switch",
            "The server does not know of your time-out, and counts what reaches it.",
        ),
        "a time-out is a yes": Refuted(
            "Try it: the partition switch",
            "The server keeps what arrives, and whether this click arrived is what you don't know.",
        ),
        "a lock protects me while I hold it": Refuted(
            "The lock that does not protect",
            "A lock expires by itself, so another process may have held it for some time.",
        ),
        "a look at the clock is enough": Refuted(
            "The lock that does not protect",
            "The program can be stopped between the look and the write, for any time.",
        ),
        "the lock service stops me": Refuted(
            "The lock that does not protect",
            "The lock service can only say whose the lock is; the log must refuse the late writer.",
        ),
        "a retry is a new event": Refuted(
            _10,
            "The first try may have been stored, so the second must have the same source and id.",
        ),
        "I am called once for each click": Refuted(
            _10, "After a worker's death the same click comes again, and needs the same id."
        ),
        "an id is unique": Refuted(_10, "An id is unique within its source only."),
        "every error can be tried away": Refuted(
            _10, "An answer that says no is an answer, and has to reach the caller."
        ),
        "the second time it will work": Refuted(
            _10, "Several answers in a row may be lost, so one more try is not enough."
        ),
        "the log will be back some day": Refuted(
            _10, "After the last try the outcome is unknown, and the caller must be told so."
        ),
        "once more cannot hurt": Refuted(
            _10, "The caller waits for every try, so their number must be limited."
        ),
    },
    "11": {
        "encrypted means untampered": Refuted(
            "Exact run: one bit", "A message can be changed without being read."
        ),
        "a changed bit becomes noise": Refuted(
            "Exact run: one bit",
            "With some ciphers, one changed bit is one changed bit, and a program takes "
            "any number.",
        ),
        "an attacker needs the key": Refuted(
            "Exact run: one bit", "Flipping a bit takes no key, because nothing is read."
        ),
        "encrypted means the right peer": Refuted(
            "Who is at the other end?",
            "You agreed on a key with the one who answered, and did not ask who that was.",
        ),
        "every handshake checks": Refuted(
            "Who is at the other end?", "Without the check, a handshake succeeds with any server."
        ),
        "an address says who lives there": Refuted(
            "Who is at the other end?",
            "Any program that holds the port, the router or the name server can answer there.",
        ),
        "known to the authority means the right host": Refuted(
            "Who is at the other end?",
            "The authority knows the certificate of another host as well, so the name "
            "must be checked.",
        ),
        "one more authority does no harm": Refuted(
            _11, "Every authority that you trust can vouch for a false server."
        ),
        "a certificate is good for ever": Refuted(
            "Who is at the other end?",
            "A key may leak, and the date is part of what the authority has signed.",
        ),
        "TLS hides the URL, so it may hold a secret": Refuted(
            "Where TLS ends", "Servers write paths into logs, where nothing is encrypted."
        ),
        "to reach a server is to be known to it": Refuted(
            "At the door: who, and what",
            "The server must be told who calls, and it allows an unknown caller nothing.",
        ),
        "an error is there to be got round": Refuted(
            _11, "To notice an attack and go on has only lost time."
        ),
        "no exception, no problem": Refuted(
            _11, "Nothing was delivered, so the caller has to be told."
        ),
        "who sends nothing is safe": Refuted(_11, "It is safe and of no use."),
    },
    "12": {
        "it passed, so it is in time": Refuted(
            "Break it: a test that sleeps",
            "On a busy machine the same program takes longer, and the test fails with "
            "nothing broken.",
        ),
        "a longer sleep makes a test safe": Refuted(
            "Break it: a test that sleeps",
            "It makes every run slow, and the failure rare and hard to repeat.",
        ),
        "handed over is handled": Refuted(
            "Exact run: wait for what happens",
            "`fire` has returned, and the other thread may not have begun.",
        ),
        "what no test notices does no harm": Refuted(
            "A test that can fail",
            "Tests see what they were written to look at; users see the rest.",
        ),
        "more tests find more": Refuted(
            "A test that can fail",
            "More of the same kind pass as well; one must look at this very promise.",
        ),
        "to be at the target is to be beyond it": Refuted(
            "A test that can fail",
            "The count is at the target once, and beyond it for every later visitor.",
        ),
        "a door is a door": Refuted(
            "A fault in every place",
            "With one rule for all doors, the north door can publish as the south door.",
        ),
        "a message is handled exactly once": Refuted(
            _12,
            "After a retry or a restart the same visitor comes again, and must get no "
            "second ticket.",
        ),
        "to handle it at once is to be quick": Refuted(
            _12, "Inline, the door waits for the printer."
        ),
        "one worker is safer": Refuted(
            _12, "One printer serves one visitor at a time, and the others wait."
        ),
        "more workers are faster": Refuted(
            _12, "There are four printers, so a fifth thread has none to use."
        ),
        "a retry is a try": Refuted(
            _12, "The first try is no retry, so `Retry(3)` tries four times."
        ),
        "a failure makes itself heard": Refuted(
            _12, "A handler's error is an event, and it helps only if a listener acts on it."
        ),
        "a queue needs no bound": Refuted(
            _12, "Without a bound the queue takes every visitor, and the last waits for all."
        ),
        "to drop is to refuse": Refuted(
            _12, "A visitor who is dropped silently believes to be in."
        ),
        "back-pressure suits every system": Refuted(
            _12, "A blocked door holds up the people behind, where a refusal would answer at once."
        ),
        "into the log first, to be safe": Refuted(
            _12, "A refused visitor who is in the log is served after the next restart."
        ),
        "what is on disk takes care of itself": Refuted(
            _12, "After a restart, the system must read the log and serve the visitors who wait."
        ),
        "state is the truth": Refuted(
            _12, "A variable dies with its process; what the log says stays."
        ),
        "twice is better than never": Refuted(_12, "A second ticket lets a second person in."),
        "a screen may see everything": Refuted(
            _12, "What no rule allows is denied, so each pattern gives away what it matches."
        ),
    },
}
