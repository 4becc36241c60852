# SPDX-License-Identifier: GPL-2.0-or-later
"""The rig of the tests that need a kernel: a host with a bridge, guests on vifs, and a world outside that looks on."""
