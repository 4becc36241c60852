# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults of every kind while guests are checkpointed, and the verdict on what came of their frames."""
