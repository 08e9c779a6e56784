"""Sends octets as they are. Reads a list of [octets, more octets or null] in hexadecimal, JSON on stdin;
writes what came back to each until the end, and whether that was a reset. More octets are sent when the
head of an answer has come."""

import json
import socket
import sys


def ask(first, more):
    back, reset = b"", False
    with socket.create_connection(("192.0.2.2", 80), timeout=20) as connection:
        try:
            connection.sendall(bytes.fromhex(first))
            while more is not None and b"\r\n\r\n" not in back:
                part = connection.recv(65536)
                if not part:
                    break
                back += part
            connection.sendall(bytes.fromhex(more or ""))
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                back += part
        except (ConnectionResetError, BrokenPipeError):
            reset = True
    return [back.hex(), reset]


json.dump([ask(*row) for row in json.load(sys.stdin)], sys.stdout)
