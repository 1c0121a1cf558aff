"""A page of the admin as a browser would take it apart."""

from html.parser import HTMLParser

VOID = {"img", "input", "link", "meta", "br", "hr"}
APART = {"td", "th", "dt", "dd", "li", "p", "div", "span"}


class Page(HTMLParser):
    """`text` is what is to be read; `elements` are all tags with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.spaced: list[str] = []
        self.boxes: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def words(self) -> str:
        """The text with one space between words, and between cells and the like."""
        return " ".join("".join(self.spaced).split())

    def links(self, containing: str = "") -> list[str]:
        found = [each.get("href") or "" for name, each in self.elements if name == "a"]
        return [href for href in found if containing in href]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag in APART:
            self.spaced.append(" ")
        self.elements.append((tag, attributes))
        if tag not in VOID:
            is_box = "stored" in (attributes.get("class") or "").split()
            self._open.append((tag, is_box))
            if is_box:
                self.boxes.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            if self._open.pop()[0] == tag:
                return

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)
        self.spaced.append(data)
        if any(is_box for _, is_box in self._open):
            self.boxes[-1] += data


def assert_harmless(page: Page) -> None:
    """Nothing that runs, styles or leads away stands on the page, wherever it came from."""
    for name, attributes in page.elements:
        assert name not in {"style", "iframe", "object", "embed", "base", "textarea"}, name
        assert not [each for each in attributes if each.startswith("on")], attributes
        assert "style" not in attributes, attributes
        if name == "script":
            assert (attributes.get("src") or "").startswith(("/static/", "/admin/")), attributes
        for place in ("href", "src", "action"):
            if attributes.get(place):
                assert (attributes[place] or "").startswith(("/", "../", "?", "#")), attributes
                assert not (attributes[place] or "").startswith("//"), attributes
