from autokd.pages.table import Table

TABLE = Table(("run", "top1"), (("<b>", "0.9"), ("plain", "0.85")), frozenset({1}), {0: "trial-3"})


def test_text_aligns_columns_to_the_right_and_stars_marked_rows() -> None:
    assert TABLE.to_text().split("\n") == ["     run  top1", "     <b>   0.9", "*  plain  0.85"]


def test_html_escapes_cells_and_headings() -> None:
    html = Table(("<i>",), (("a & <b>",),)).to_html()
    assert '<th scope="col">&lt;i&gt;</th>' in html
    assert "<td>a &amp; &lt;b&gt;</td>" in html


def test_html_marks_rows_and_links_their_first_cell() -> None:
    html = TABLE.to_html()
    assert html.count('<tr class="marked">') == 1
    assert '<tr class="marked"><td>plain</td>' in html
    assert '<td><a href="#trial-3">&lt;b&gt;</a></td>' in html


def test_link_cannot_leave_its_attribute() -> None:
    html = Table(("x",), (("1",),), links={0: '"><script>'}).to_html()
    assert "<script>" not in html
