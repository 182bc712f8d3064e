"""`python -m ui` serves the chat page until it is told to stop."""

import os
import sys

from feedback.errors import RatchetError
from ui.settings import settings_from


def main() -> int:
    """Serves until SIGTERM or SIGINT; 2 when the settings make no sense."""
    try:
        settings = settings_from(os.environ)
    except RatchetError as error:
        print(error, file=sys.stderr)
        return 2
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "0"  # read by gradio while it is imported

    import uvicorn

    from ui.app import create_app

    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
