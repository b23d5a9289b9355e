"""How handlers run: the one argument that turns a blocking system into a non-blocking one."""
