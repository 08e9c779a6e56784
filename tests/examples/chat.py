"""People in the room of examples/tcp_chat.rs. Says "all here" on stdout when only the end is to come."""

import socket
import time

ROOM = ("192.0.2.2", 2323)


class Person:
    """Somebody with a connection of theirs, and what they have heard and not looked at yet."""

    def __init__(self, name, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(60)
        self.socket.connect(ROOM)
        self.heard = b""
        self.hears("Your name? ")
        if name:
            self.says(name)

    def says(self, line):
        self.socket.sendall(line.encode() + b"\r\n")

    def hears(self, text):
        """Listens until there is `text`, and returns what came before it."""
        text = text.encode()
        while text not in self.heard:
            more = self.socket.recv(65536)
            assert more, f"the end, and not {text!r}: {self.heard!r}"
            self.heard += more
        before, self.heard = self.heard.split(text, 1)
        return before.decode()

    def hears_the_end(self):
        """Listens to the FIN."""
        while more := self.socket.recv(65536):
            self.heard += more


def names_joins_and_leaves():
    anna = Person("anna")
    anna.hears("* here are: anna (")
    bert = Person("bert")
    bert.hears("* here are: anna, bert (")
    anna.hears("* bert has joined\n")

    carl = Person("anna")
    carl.hears("Somebody here has that name.\nYour name? ")
    carl.says("two words")
    carl.hears("A name is made of letters and digits")
    carl.says("carl")
    carl.hears("* here are: anna, bert, carl (")
    bert.hears("* carl has joined\n")

    bert.says("hello")
    carl.hears("bert: hello\n")
    anna.hears("bert: hello\n")
    anna.says("\x1b[2J is for terminals")
    heard = bert.hears("anna: ?[2J is for terminals\n")
    assert "hello" not in heard, "nobody hears themselves"

    # A FIN, and the room still speaks.
    carl.socket.shutdown(socket.SHUT_WR)
    carl.hears("* Goodbye.\n")
    carl.hears_the_end()
    anna.hears("* carl has left\n")
    bert.says("/who")
    bert.hears("* here are: anna, bert\n")

    # A name is free again, whatever became of its owner.
    carl = Person("carl")
    anna.hears("* carl has joined\n")
    carl.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    carl.socket.close()
    anna.hears("* carl has left\n")
    return anna, bert


def what_is_no_line(anna):
    for octets, words in [(b"x" * 401, "Lines are 400 octets at most."), (b"\xff\xfb\n", "This is a room for text.")]:
        dora = Person("dora")
        dora.socket.sendall(octets)
        dora.hears(f"* {words}\n")
        dora.hears_the_end()
        anna.hears("* dora has left\n")


def slow_readers_are_cut_off(anna, bert):
    slow = Person("slow", receive_buffer=4096)
    slow.hears("(/who, /quit)")
    anna.hears("* slow has joined\n")
    begun = time.monotonic()
    bert.socket.setblocking(False)
    count, lines, unsent = 0, 0, b""
    # Bert speaks as fast as he is let, anna hears all of it in order, and slow reads nothing any more.
    while True:
        unsent = unsent or f"{count} {'x' * 380}\n".encode()
        try:
            unsent = unsent[bert.socket.send(unsent):]
            count += not unsent
        except BlockingIOError:
            pass
        anna.socket.settimeout(0.001)
        try:
            anna.heard += anna.socket.recv(65536)
        except TimeoutError:
            pass
        *whole, anna.heard = anna.heard.split(b"\n")
        for line in whole:
            if line == b"* slow has left":
                break
            assert line.startswith(f"bert: {lines} xxx".encode()), line
            lines += 1
        else:
            assert time.monotonic() - begun < 60, f"after {lines} lines slow is still there"
            continue
        break
    assert lines > 40, f"{lines} lines fit into the buffers between"
    # Speaking is slower than reading, and it is TCP that holds the speaker back.
    assert lines < 60 * (time.monotonic() - begun), f"{lines} lines, too fast"
    slow.socket.settimeout(10)
    try:
        while slow.socket.recv(65536):
            pass
        raise AssertionError("slow was let go with a FIN")
    except ConnectionResetError:
        pass


anna, bert = names_joins_and_leaves()
what_is_no_line(anna)
slow_readers_are_cut_off(anna, bert)
late = Person("late")
late.hears("* here are: anna, bert, late (")
nameless = Person(None)
print("all here", flush=True)
for one in late, nameless:
    one.hears("* The room closes.\n")
    one.hears_the_end()
