"""Side-by-side measurements of eventkit, its peers and the bare limits. `make bench` runs them.

Each part is a module with `measure(quick: bool) -> list[Row]`; `__main__` lists the parts. What is
compared is measured in one run, in rounds that visit every candidate in turn, so that a machine
that is busy for a while is busy for all of them. The figure that counts is therefore the ratio to
a bare limit, not the time. Benchmarks measure; tests judge.

`report` writes the table and `figure` draws it.
"""
