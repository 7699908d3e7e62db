from xml.etree import ElementTree

from tests.support.terminal_picture import terminal_picture

SVG = "{http://www.w3.org/2000/svg}"


def test_it_holds_the_lines_in_their_order():
    root = ElementTree.fromstring(terminal_picture("\r\nCamera:  <gate> & more\r\n\x1b[0mPage\r\n"))
    rows = root.findall(f"{SVG}text")
    assert [row.text for row in rows] == ["Camera:  <gate> & more", "[0mPage"]
    assert int(rows[0].get("y", "")) < int(rows[1].get("y", "")) < int(root.get("height", ""))


def test_a_longer_line_makes_it_wider():
    short, long = (int(ElementTree.fromstring(terminal_picture("x" * count)).get("width", "")) for count in (10, 100))
    assert long - short > 90 * 8
