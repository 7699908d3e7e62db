from tests.support.markdown import anchors, code_spans, links

PAGE = """\
# `source_up`: is it up?

See [the other](other.md#part) and ![a picture](images/a.png), not `[code](code.md)` and `x.py`.

```sh
# no heading, [no link](nowhere.md)
```

## Part
## Part
"""


def test_links_and_pictures_are_found_outside_of_code():
    assert links(PAGE) == ["other.md#part", "images/a.png"]


def test_headings_become_anchors_and_equal_ones_are_numbered():
    assert anchors(PAGE) == ["source_up-is-it-up", "part", "part-1"]


def test_code_spans_are_found_outside_of_fences():
    assert code_spans(PAGE) == ["source_up", "[code](code.md)", "x.py"]
