"""Kaggle's own download of the photos, with each of its errors turned into one sentence."""

from pathlib import Path

from requests.exceptions import RequestException

from convbook.network import TIMEOUTS, kaggle_timeouts
from convbook.photos.errors import PhotosError, in_words

COMPETITION = "dogs-vs-cats"
RULES = "https://www.kaggle.com/c/dogs-vs-cats/rules"
TOKENS = "https://www.kaggle.com/settings"


def download_from_kaggle(timeouts=TIMEOUTS):
    """Download the photos of Kaggle's competition Dogs vs. Cats, unless they are in its cache, and return their folder.

    Raises:
        PhotosError: if there is no token, a wrong one, the competition's rules were not accepted, or there is no
            network; the message says what to do.
    """
    with kaggle_timeouts(timeouts):
        # kagglehub raises its own exceptions, those of requests, and ValueErrors for a file of credentials.
        try:
            import kagglehub

            return Path(kagglehub.competition_download(COMPETITION))
        except Exception as error:
            raise PhotosError(_in_a_sentence(error)) from error


def _in_a_sentence(error):
    status = getattr(getattr(error, "response", None), "status_code", None)
    if type(error).__name__ == "UnauthenticatedError":
        return f"no token of Kaggle's was found: make one at {TOKENS} and put it into KAGGLE_API_TOKEN"
    if status == 401:
        return f"Kaggle does not know this token (401): make a new one at {TOKENS} and put it into KAGGLE_API_TOKEN"
    if status == 403:
        return f"the rules of the competition are not accepted yet (403): accept them at {RULES} with your account"
    if isinstance(error, RequestException) and status is None:
        return f"Kaggle cannot be reached ({type(error).__name__}): connect to the network"
    return f"Kaggle's download failed ({type(error).__name__}: {in_words(error)}): try again later"
