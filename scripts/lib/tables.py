"""The tables of a page in Markdown, between the lines <!-- NAME --> and <!-- end of NAME -->.

tables.py fill PAGE NAME    puts stdin there
tables.py names PAGE        prints the algorithms that the page is about, from <!-- algorithms: A B -->
"""

import re
import sys


def main() -> None:
    what, page, *rest = sys.argv[1:]
    with open(page, encoding="utf-8") as file:
        text = file.read()
    if what == "names":
        found = re.search(r"<!-- algorithms: (.*) -->", text)
        if not found:
            sys.exit(f"{page}: there is no line <!-- algorithms: A B -->")
        print(found[1])
        return
    name = rest[0]
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, mark, tail = text.partition(begin)
    _, end_mark, after = tail.partition(end)
    if not mark or not end_mark:
        sys.exit(f"{page}: there is no pair of lines {begin.strip()} and {end}")
    filling = sys.stdin.read()
    if not filling.strip():
        sys.exit(f"the table {name} is empty")
    with open(page, "w", encoding="utf-8") as file:
        file.write(before + begin + filling + end + after)


main()
