// Sends edits to the kernel, one message at a time. While an answer is due, the edits in between
// are kept, and of several moves of one event only the newest: a drag never queues up.

const LATE = 2000;  // milliseconds after which an answer is no longer waited for

class Outbox {
  constructor(model) {
    this.model = model;
    this.edits = [];
    this.timer = 0;
  }

  get isSettled() {
    return !this.timer;
  }

  send(...edit) {
    const last = this.edits[this.edits.length - 1];
    if (edit[0] === "move" && last?.[0] === "move" && last[1] === edit[1]) this.edits.pop();
    this.edits.push(edit);
    this.flush();
  }

  answered() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.flush();
  }

  flush() {
    if (!this.timer) this.hurry();
  }

  // Sends what is kept without waiting, at the end of a gesture: Undo must not overtake it.
  hurry() {
    if (!this.edits.length) return;
    clearTimeout(this.timer);
    this.model.send(this.edits);
    this.edits = [];
    this.timer = setTimeout(() => this.answered(), LATE);
  }
}
