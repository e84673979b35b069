"""Serve a folder on this machine: `python serve.py FOLDER PORT`; where the port is in use, at one that is free."""

import functools
import http.server
import sys


def start(folder, port):
    """Return a server of a folder at a port, or at a free one where that is in use, and what it says first.

    Raises:
        ValueError: if the port is no number from 1 to 65535, or needs the rights of root.
    """
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"PORT is {port!r}, and a port is a number from 1 to 65535: take another, such as PORT=8001.")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    said = ""
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), handler)
    except PermissionError:
        raise ValueError(f"Port {port} needs the rights of root: take one from 1024 on, such as PORT=8001.") from None
    except OSError:
        said = f"Port {port} is in use by another program, so this is a free one.\n"
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    return server, f"{said}http://localhost:{server.server_port}  (Ctrl-C ends it)"


if __name__ == "__main__":
    try:
        server, said = start(*sys.argv[1:])
        print(said, flush=True)
        server.serve_forever()
    except ValueError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print()
