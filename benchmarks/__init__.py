# SPDX-License-Identifier: MIT
"""What it costs: ``python -m benchmarks``, straight from the checkout.

``workloads`` makes the streams and says what is in them; ``contestants`` and ``loops`` are the ways to read
them; ``cold`` reads short ones from scratch; ``rows`` times the library alone, and against another checkout;
``measure`` takes the time; ``scale`` and ``gateway`` hold the questions that are not a ratio of two
readers; ``record`` writes a stream of a real server down; ``chart`` draws the headline. ``__main__``
decides what runs and prints it. Nothing here is needed by the library or changes what it does.
"""
