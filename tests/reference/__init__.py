# SPDX-License-Identifier: MIT
"""``model``: the specification as a program. ``streams``: random input to compare the library with it."""
