# SPDX-License-Identifier: MIT
"""stub"""
