"""A drawing process: writes its share of a set's pictures to standard output.

`sets` starts it as `python -m convbook.drawings.worker REQUEST`; the request is a JSON list of the arguments
of `sets.draw_all`.
"""

import json
import sys

from convbook.drawings.sets import draw_all


def main(request):
    """Draw the pictures of a request and write their bytes to standard output."""
    try:
        for picture in draw_all(*json.loads(request)):
            sys.stdout.buffer.write(picture.tobytes())
        sys.stdout.buffer.flush()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)


if __name__ == "__main__":
    main(sys.argv[1])
