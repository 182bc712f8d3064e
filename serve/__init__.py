"""The gateway: OpenAI's chat API and feedback in, one named Adapter's reply and a Receipt out, everything stored first.

`python -m serve` runs it; `serve.app.create_app` builds it from its parts.
"""
