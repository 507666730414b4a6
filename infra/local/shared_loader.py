"""One store of parsed service models for all botocore sessions: an embedded AWS opens hundreds of times in a test run.

botocore parses a service's JSON anew for each session, which is most of what a first client costs.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
from botocore.loaders import Loader

_create = botocore.session.create_loader


@cache
def _parsed(search_path: str | None) -> tuple[Loader, int]:
    loader = _create(search_path)
    return loader, len(loader.search_paths)


def create_loader(search_path_string: str | None = None) -> Any:
    """Stand in for botocore's function of this name: the same loader for the same search path.

    Each boto3 session appends its own folder to the loader; what the session before appended is taken off again.
    """
    loader, own = _parsed(search_path_string)
    del loader.search_paths[own:]
    return loader
