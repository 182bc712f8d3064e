"""The chat page: a process of its own (`python -m ui`), an HTTP client of the gateway and nothing more.

In: a person's words and clicks. Out: the gateway's `/v1` routes, called with the key that the person's cookie holds.
"""
