"""How long to wait for a network, also for Kaggle's client, which sets no timeouts itself."""

import contextlib
import threading
from unittest import mock

from requests.adapters import HTTPAdapter

TIMEOUTS = (10, 30)  # seconds to connect, and between two pieces of data

_one_at_a_time = threading.RLock()


class TimeoutAdapter(HTTPAdapter):
    """Sends requests that have no timeouts with these."""

    def __init__(self, timeouts):
        super().__init__()
        self.timeouts = timeouts

    def send(self, request, **options):
        return super().send(request, **{**options, "timeout": options.get("timeout") or self.timeouts})


@contextlib.contextmanager
def kaggle_timeouts(timeouts=TIMEOUTS):
    """Give timeouts to the sessions that Kaggle's client opens within this block; without them it would wait forever.

    Args:
        timeouts: seconds to wait for a connection, and for the next piece of data.
    """
    from kagglesdk.kaggle_http_client import KaggleHttpClient

    open_session = KaggleHttpClient._init_session

    def open_session_with_timeouts(client):
        open_session(client)
        client._session.mount("https://", TimeoutAdapter(timeouts))
        client._session.mount("http://", TimeoutAdapter(timeouts))

    with _one_at_a_time, mock.patch.object(KaggleHttpClient, "_init_session", open_session_with_timeouts):
        yield
