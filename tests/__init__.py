# SPDX-License-Identifier: MIT
"""The tests reach the package through the one import below, so that they can be pointed at a copy.

``test_vendoring`` does that: it copies this folder and rewrites the line.
"""

import sseparse

__all__ = ["sseparse"]
