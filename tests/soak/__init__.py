"""Everything at once, for as long as you like: nothing lost, nothing doubled, nothing left over."""
