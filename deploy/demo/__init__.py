"""One whole turn of the loop with simulated people, for `ratchet demo`.

Invented customers of an invented bike shop chat through the real gateway and judge by a taste that is known here and
nowhere else: short, friendly, ends with a next step. What they say becomes an adapter; held-out customers judge it.
"""
