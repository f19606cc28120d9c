import base64
import hashlib
import json
import re

from autokd.pages.html import Panel, Section, document, said, scrolled
from autokd.pages.table import Table
from autokd.pages.theme import new_figure

EVIL = "</script><script>alert(1)</script><!-- \" ' & <b>"


def make(**texts: str) -> str:
    figure = new_figure(height=200, x={"title": {"text": EVIL}}, y={})
    figure.add_scatter(x=[1], y=[2], name=EVIL)
    panels = (Panel(EVIL, figure, EVIL, 6), Panel("words", "<p>body</p>"))
    common = {"title": "t", "lead": "l", "counts": "c", "footer": "f"}
    return document(sections=[Section(EVIL, panels)], **{**common, **texts})


def scripts(html: str) -> list[tuple[str, str]]:
    """Cut out script elements as a browser does: up to the first end tag."""
    return re.findall(r"<script([^>]*)>(.*?)</script>", html, flags=re.DOTALL)


def test_text_from_outside_cannot_end_or_begin_a_script() -> None:
    html = make(title=EVIL, lead=EVIL, counts=EVIL, footer=EVIL)
    assert [attributes.strip() for attributes, _ in scripts(html)] == [
        'type="application/json" id="figure-1"',
        "",
        "",
    ]
    rest = re.sub(r"<script[^>]*>.*?</script>", "", html, flags=re.DOTALL)
    assert "alert(1)</script>" not in rest
    assert rest.count("&lt;/script&gt;&lt;script&gt;alert(1)") == 9


def test_figure_survives_its_escaping() -> None:
    (_, text), *_ = scripts(make())
    figure = json.loads(text)
    assert figure["data"][0]["name"] == EVIL
    assert "<" not in text


def test_policy_allows_the_two_scripts_alone_and_no_source() -> None:
    html = make()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', html)
    hashes = re.findall(r"'sha256-([^']+)'", policy)
    programs = [text for attributes, text in scripts(html) if not attributes]
    assert hashes == [
        base64.b64encode(hashlib.sha256(p.encode()).digest()).decode() for p in programs
    ]
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy


def test_page_refers_to_nothing_outside() -> None:
    rest = re.sub(r"<script[^>]*>.*?</script>", "", make(), flags=re.DOTALL)
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?!#)""", rest)
    assert "url(" not in rest
    assert "@import" not in rest


def test_plotly_is_embedded_once_and_uploads_nothing() -> None:
    programs = [text for attributes, text in scripts(make()) if not attributes]
    assert [len(text) > 1_000_000 for text in programs] == [True, False]
    assert "showSendToCloud: false" in programs[1]
    assert 'plotlyServerURL: ""' in programs[1]


def test_panel_has_its_width_and_figure_its_height_before_it_is_drawn() -> None:
    html = make()
    assert '<div class="panel w6">' in html
    assert '<div class="panel w12"><h3>words</h3><p>body</p></div>' in html
    assert 'data-figure="figure-1"' in html
    assert 'style="height:200px"' in html


def test_sentences_and_tables_are_escaped() -> None:
    table = Table((EVIL,), ((EVIL,),))
    for html in (said(EVIL), scrolled(table)):
        assert "<script" not in html
        assert "&lt;script" in html
    assert table.to_html() in scrolled(table)
