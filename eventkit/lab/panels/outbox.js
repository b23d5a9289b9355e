// Sends edits to the kernel, one message at a time. While an answer is due, the edits in between
// are kept, and of several moves of one event, or of a cursor, only the newest: a drag never queues
// up. Each frame says which message of which page it has answered last.

const LATE = 2000;  // milliseconds after which an answer is no longer waited for

class Outbox {
  constructor(model) {
    this.model = model;
    this.from = String(Math.random());
    this.edits = [];
    this.sent = this.heard = this.timer = 0;
  }

  // Whether what the kernel shows is what was asked for last.
  get isSettled() {
    return this.heard === this.sent && !this.edits.length;
  }

  send(...edit) {
    const last = this.edits[this.edits.length - 1];
    if (edit[0] === "move" && last?.[0] === "move" && last[1] === edit[1]) this.edits.pop();
    this.edits.push(edit);
    this.flush();
  }

  answered(number) {
    this.heard = Math.max(this.heard, number);
    this.flush();
  }

  flush() {
    if (this.heard === this.sent) this.hurry();
  }

  // Sends what is kept without waiting, at the end of a gesture: Undo must not overtake it.
  hurry() {
    if (!this.edits.length) return;
    clearTimeout(this.timer);
    const number = this.sent += 1;
    this.model.send({ from: this.from, number, edits: this.edits });
    this.edits = [];
    this.timer = setTimeout(() => this.answered(number), LATE);
  }
}
