"""Live rooms under load.

`crowd` is the clients' process, which a benchmark starts and asks to come, to talk and to return;
`client` and `dialects` are its ends of the connections.
"""
