"""No way to another machine. Python runs a sitecustomize.py on its path before anything else, in every kernel too.

An attempt is refused, and also written into the file that NETWORK_ATTEMPTS names, in case a chapter takes the error and
goes on.
"""

import ipaddress
import os
import sys


def is_local(host):
    host = host.decode() if isinstance(host, bytes) else host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in (None, "", "localhost")


def refuse(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not is_local(host):
        with open(os.environ["NETWORK_ATTEMPTS"], "a", encoding="utf-8") as attempts:
            attempts.write(f"{host}\n")
        raise ConnectionError(f"The quick run needs no network, and this code asked for {host}.")


sys.addaudithook(refuse)
