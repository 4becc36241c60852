# SPDX-License-Identifier: GPL-2.0-or-later
"""The control protocol as docs/protocol.md has it, written down a second time, from the document alone."""

import errno
import os
import socket


class Refused(Exception):
    """An error reply."""

    def __init__(self, reply):
        super().__init__(f"{reply.error_name}: {reply.get('MESSAGE')}")
        self.reply = reply


class Message:
    """A reply or an event: the first line, and the fields in their order."""

    def __init__(self, packet):
        head, *lines = packet.decode().removesuffix("\n").split("\n")
        self.head = head
        self.fields = [tuple(line.split("=", 1)) for line in lines]

    @property
    def error(self):
        return -int(self.head)

    @property
    def error_name(self):
        return "0" if not self.error else errno_name(self.error)

    def get(self, key, default=None):
        return next((value for name, value in self.fields if name == key), default)

    def all(self, key):
        return [value for name, value in self.fields if name == key]

    def number(self, key):
        return int(self.get(key))

    def blocks(self, key):
        """The groups of fields that begin with KEY, as dictionaries."""
        found = []
        for name, value in self.fields:
            if name == key:
                found.append({})
            if found:
                found[-1][name] = value
        return found

    def __repr__(self):
        return f"{self.head} {' '.join('='.join(field) for field in self.fields)}"


def errno_name(number):
    # one number, two names: the document uses this one
    return "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode.get(number, str(number))


def message(verb, **fields):
    """A request's text: fields that are None are left out, lists are repeated."""
    lines = [verb]
    for key, value in fields.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        lines += [f"{key}={one}" for one in values if one is not None]
    return "\n".join(lines).encode() + b"\n"


class Client:
    def __init__(self, path, timeout_s=20):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(timeout_s)
        self.socket.connect(os.fspath(path))
        self.events = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, packet):
        self.socket.send(packet)

    def receive(self):
        packet = self.socket.recv(1 << 17)
        if not packet:
            raise ConnectionResetError("the daemon closed the connection")
        return Message(packet)

    def raw(self, packet):
        """The reply to PACKET, whatever it says. Events that come before it are kept in .events."""
        self.send(packet)
        while True:
            answer = self.receive()
            if answer.head.lstrip("-").isdigit():
                return answer
            self.events.append(answer)

    def ask(self, verb, **fields):
        return self.raw(message(verb, **fields))

    def do(self, verb, **fields):
        """The reply, which must not be an error."""
        reply = self.ask(verb, **fields)
        if reply.error:
            raise Refused(reply)
        return reply

    def event(self, wanted):
        """The next event for which WANTED(event) is true; those before it are dropped."""
        while True:
            event = self.events.pop(0) if self.events else self.receive()
            if wanted(event):
                return event
