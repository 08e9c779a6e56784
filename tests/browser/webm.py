"""Makes a WebM of pictures: each is a key frame of VP8, shown for a second, with an index for seeking."""

import base64
import struct

WIDTH, HEIGHT = 320, 180


def element(number, *content):
    content = b"".join(content)
    return bytes.fromhex(number) + struct.pack(">Q", 1 << 56 | len(content)) + content


def unsigned(number, value):
    return element(number, struct.pack(">Q", value))


def key_frame(picture):
    """The frame in a WebP, which is what a browser makes of a canvas: a data: URL."""
    octets = base64.b64decode(picture.partition(",")[2])
    at = 12
    while at < len(octets):
        name, length = octets[at:at + 4], struct.unpack_from("<I", octets, at + 4)[0]
        if name == b"VP8 ":
            return octets[at + 8:at + 8 + length]
        at += 8 + length + length % 2
    raise ValueError("no VP8 in this picture")


def cluster(second, picture, padding):
    block = b"\x81" + struct.pack(">hB", 0, 0x80) + key_frame(picture)
    return element("1F43B675", unsigned("E7", second * 1000), element("A3", block),
                   element("EC", bytes(padding)))


def cues(starts):
    points = [element("BB", unsigned("B3", second * 1000),
                      element("B7", unsigned("F7", 1), unsigned("F1", start)))
              for second, start in enumerate(starts)]
    return element("1C53BB6B", *points)


def video(pictures, padding):
    """`padding` octets go with each second, so that nobody has it all before it is sought."""
    head = element("1A45DFA3", unsigned("4286", 1), unsigned("42F7", 1), unsigned("42F2", 4),
                   unsigned("42F3", 8), element("4282", b"webm"), unsigned("4287", 2),
                   unsigned("4285", 2))
    info = element("1549A966", unsigned("2AD7B1", 1_000_000),
                   element("4489", struct.pack(">d", len(pictures) * 1000.0)),
                   element("4D80", b"glasstack"), element("5741", b"glasstack"))
    size = element("E0", unsigned("B0", WIDTH), unsigned("BA", HEIGHT))
    track = element("AE", unsigned("D7", 1), unsigned("73C5", 1), unsigned("9C", 0),
                    element("86", b"V_VP8"), unsigned("83", 1), size)
    before = info + element("1654AE6B", track)
    clusters = [cluster(second, picture, padding) for second, picture in enumerate(pictures)]
    starts, at = [], len(before) + len(cues([0] * len(clusters)))
    for each in clusters:
        starts.append(at)
        at += len(each)
    return head + element("18538067", before, cues(starts), *clusters)
