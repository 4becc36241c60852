# SPDX-License-Identifier: GPL-2.0-or-later
"""
The table of faults. Each is a function of the world that lets one happen, at a random moment of somebody's epochs, waits until it has,
and puts right what an administrator would put right; what must be true afterwards is checked by its caller.
"""

KINDS = {}


def kind(name, module=None):
    """Enter a function into the table; MODULE if it needs that sch_plug."""
    def enter(function):
        assert name not in KINDS
        function.module = module
        KINDS[name] = function
        return function
    return enter


def kinds_for(module):
    return {name: function for name, function in KINDS.items() if function.module in (None, module)}
