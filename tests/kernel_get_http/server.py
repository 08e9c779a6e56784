"""An HTTP server for the tests of `glass get`, well-behaved or not, as the path asks.

    server.py PORT [CERTIFICATE KEY]

Each connection is answered on a thread of its own. The names of the paths say what happens."""

import gzip
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from urllib.parse import parse_qs, urlsplit

FILE = bytes((place * 7 + place // 256) % 251 for place in range(300_000))
seen = {}


def head_of(reader):
    """The text of the head, and its fields; None at the end."""
    lines = []
    while True:
        line = reader.readline()
        if not line:
            return None, {}
        if line in (b"\r\n", b"\n"):
            break
        lines.append(line.decode("latin-1").rstrip("\r\n"))
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    return lines, fields


def body_of(reader, fields):
    if "content-length" in fields:
        return reader.read(int(fields["content-length"]))
    body = b""
    if fields.get("transfer-encoding") == "chunked":
        while True:
            length = int(reader.readline(), 16)
            body += reader.read(length)
            reader.readline()
            if length == 0:
                break
    return body


def response(status, body=b"", length=None, **fields):
    lines = [f"HTTP/1.1 {status}"]
    fields.setdefault("Content_Length", len(body) if length is None else length)
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value != ""]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def range_of(fields, tag):
    """The range that is asked for; None if none is, or what it was of has changed."""
    if "range" not in fields or fields.get("if-range", tag) != tag:
        return None
    first, last = fields["range"].removeprefix("bytes=").split("-")
    if not first:
        return len(FILE) - int(last), len(FILE) - 1
    return int(first), min(int(last or len(FILE)), len(FILE) - 1)


def whole_or_part(fields, tag, cut=None):
    asked = range_of(fields, tag)
    if asked is None:
        return response("200 OK", FILE[:cut], length=len(FILE), ETag=tag)
    first, last = asked
    if first >= len(FILE):
        return response("416 Range Not Satisfiable", Content_Range=f"bytes */{len(FILE)}")
    part = f"bytes {first}-{last}/{len(FILE)}"
    return response("206 Partial Content", FILE[first : last + 1], ETag=tag, Content_Range=part)


def answer(lines, fields, body, connection):
    """What goes back; b"" ends the connection, and None behind it as well."""
    url = urlsplit(lines[0].split(" ")[1])
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    count = seen[url.path] = seen.get(url.path, 0) + 1
    match url.path.split("/")[1]:
        case "file":
            return whole_or_part(fields, '"v1"')
        case "cut":
            first = count == 1 or "range" not in fields
            return (whole_or_part(fields, '"v1"', 100_000), None) if first else whole_or_part(fields, '"v1"')
        case "changes":
            cut = 100_000 if count == 1 else None
            return (whole_or_part(fields, f'"v{count}"', cut), None)
        case "no-ranges":
            cut = 100_000 if count == 1 else None
            return (response("200 OK", FILE[:cut], length=len(FILE)), None)
        case "wrong-range":
            if "range" not in fields:
                return (response("200 OK", FILE[:100_000], length=len(FILE)), None)
            part = f"bytes 5-{len(FILE) - 1}/{len(FILE)}"
            return response("206 Partial Content", FILE[5:], Content_Range=part)
        case "short-part" | "cut-part" | "long-part" | "endless-part" | "star-part":
            if "range" not in fields:
                return (response("200 OK", FILE[:100_000], length=len(FILE)), None)
            first = int(fields["range"].removeprefix("bytes=").split("-")[0])
            last = len(FILE) - 1
            body, length = FILE[first:], None
            match url.path:
                case "/short-part":
                    last = min(last, first + 99_999)
                    body = FILE[first : last + 1]
                case "/cut-part":
                    # No length: it ends with the connection.
                    body, length = FILE[first : first + 50_000], ""
                case "/long-part":
                    body += b"too much"
                case "/endless-part":
                    length = 2**64 - 3
            total = "*" if url.path == "/star-part" else len(FILE)
            part = f"bytes {first}-{last}/{total}"
            return (response("206 Partial Content", body, length=length, Content_Range=part), None)
        case "multipart":
            kind = "multipart/byteranges; boundary=x"
            return response("206 Partial Content", b"--x\r\n\r\n0123456789\r\n--x--\r\n", Content_Type=kind)
        case "unasked-part":
            return response("206 Partial Content", FILE[:10], Content_Range=f"bytes 0-9/{len(FILE)}")
        case "cut-gzip":
            packed = gzip.compress(FILE)
            return (response("200 OK", packed[:1000], length=len(packed), Content_Encoding="gzip"), None)
        case "request":
            return response("200 OK", "\n".join(lines).encode() + b"\n\n" + body)
        case "to":
            return response(query.get("status", "302") + " Elsewhere", b"Not here.\n", Location=query["url"])
        case "long-location":
            return response("302 Found", Location="/" + "x" * 70_000)
        case "slow-redirect":
            connection.sendall(response("302 Found", b"x", length=1000, Location="/hints"))
            time.sleep(60)
        case "loop":
            return response("302 Found", Location="/loop")
        case "gzip":
            packed = gzip.compress(b"packed and unpacked\n" * 1000)
            return response("200 OK", packed, Content_Encoding="gzip")
        case "two-gzips":
            packed = gzip.compress(b"first") + gzip.compress(b"second\n")
            return response("200 OK", packed, Content_Encoding="gzip")
        case "gzip-and-more":
            return response("200 OK", gzip.compress(b"first") + b"and more", Content_Encoding="gzip")
        case "hints":
            hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            return hints + response("200 OK", b"after hints\n", X_Case="Kept")
        case "until-close":
            return (b"HTTP/1.1 200 OK\r\n\r\nuntil the end\n", None)
        case "attachment":
            name = query["name"]
            return response("200 OK", b"attached\n", Content_Disposition=f'attachment; filename="{name}"')
        case "status":
            body = b"" if url.path.endswith(("204", "304")) else b"something\n"
            return response(url.path.split("/")[2] + " So", body)
        case "error":
            return response("404 Not Found", b"nothing here\n")
        case "stalls":
            connection.sendall(response("200 OK", FILE[:10], length=len(FILE)))
            time.sleep(60)
        case "silent":
            time.sleep(60)
        case "garbage":
            return (b"220 mail.test ESMTP\r\n", None)
        case "folded":
            return b"HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nX-Space : c\r\nContent-Length: 7\r\n\r\nfolded\n"
        case "many-fields":
            many = {f"X_{number}": "y" for number in range(500)}
            return response("200 OK", b"many\n", **many)
        case "another-protocol":
            return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nx", None)
        case "x-gzip":
            return response("200 OK", gzip.compress(b"packed\n"), Content_Encoding="X-GZip")
        case "deflate":
            return response("200 OK", zlib.compress(b"packed\n"), Content_Encoding="deflate")
        case "hangs-up":
            return (b"", None)
        case "resets":
            connection.sendall(response("200 OK", FILE[:10], length=len(FILE)))
            time.sleep(0.2)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return (b"", None)
        case "hangs-up-later":
            return response("200 OK", b"until later\n")
        case "connections":
            return response("200 OK", f"{connection.getpeername()[1]}\n".encode())
    return response("404 Not Found", b"no such path\n")


def converse(connection):
    reader = connection.makefile("rb")
    while True:
        lines, fields = head_of(reader)
        if not lines:
            break
        said = answer(lines, fields, body_of(reader, fields), connection)
        is_last = isinstance(said, tuple)
        text = said[0] if is_last else said
        if lines[0].startswith("HEAD"):
            text = text[: text.index(b"\r\n\r\n") + 4]
        connection.sendall(text)
        if "/hangs-up-later" in lines[0]:
            # At the next request, without having said so.
            head_of(reader)
            break
        if is_last or fields.get("connection") == "close":
            break
    reader.close()
    connection.close()


def serve(connection, context):
    try:
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        converse(connection)
    except OSError:
        connection.close()


def main():
    context = None
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
    listener = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, context), daemon=True).start()


main()
