"""What maps promise without a browser: what they ask for, what their pages hold, and what they keep out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import folium
import pytest
from hypothesis import given
from hypothesis import strategies as st

import maps
from layers import Label, Language, Record, Role, Term, Vocabulary, registry
from maps import (
    AlongFeatures,
    AreaRisk,
    Features,
    Map,
    Names,
    RiskFeatures,
    Source,
    Statistics,
    View,
    inlined,
    with_nonce,
)
from maps._page import script_json
from maps._symbols import colours, terms
from maps.projects import programmes

HOSTILE = "</script><script>alert(1)</script><!-- `${alert(1)}` {{ 7 * 7 }} {% raw %} \u2028 ' \""
AREA = {
    "area_code": "1",
    "area": "甲镇",
    "level": "橙",
    "score": 14.2,
    "rank": 1,
    "assets": 2,
    "counts": {"橙": 1, "蓝": 1},
}
MONEY = {
    "count": 2,
    "total_investment": 400.0,
    "planned_investment": 200.0,
    "done_investment": 50.0,
    "done_to_date": 100.0,
}


def a_view(map_: Map, language: Language = "zh", *, saved: bool = False, **parameters: Any) -> View:
    """A district with a little of everything, hostile names among it."""
    given = {p.name: p.default for p in map_.parameters} | parameters
    requests = map_.requests(registry(), given)
    return View(
        language=language,
        district=Label("某区", "Some District"),
        illustrative=True,
        as_of=date(2023, 10, 31),
        bounds=(119.2, 25.9, 119.5, 26.1),
        layers=registry(),
        data={key: answer(request, saved=saved) for key, request in requests.items()},
        parameters=given,
        root=None if saved else "",
    )


def answer(request: maps.Request, *, saved: bool) -> Any:
    match request:
        case Names():
            return [{"code": "HD-1", "name": HOSTILE}]
        case AreaRisk():
            return {"areas": [AREA]}
        case Statistics():
            group = {"programme": "城市更新品质提升"}
            return {
                "rows": [{"area_code": "1", "area": "甲镇", "group": group, **MONEY}],
                "outside": [{"group": group, **MONEY}],
            }
        case RiskFeatures():
            counts: Mapping[str, int] = {"橙": 1, "蓝": 2}
        case AlongFeatures():
            counts = {"hazards": 3}
        case Features():
            vocabulary = registry()[request.layer].fields()[registry()[request.layer].symbol.field].vocabulary
            assert vocabulary is not None
            counts = {vocabulary.codes[0]: 2, vocabulary.codes[1]: 1}
    if not saved:
        return Source(url=f"/api/{request.layer}", count=3, counts=counts)
    point = {"type": "Point", "coordinates": [119.3, 26.0]}
    feature = {"type": "Feature", "id": "1", "geometry": point, "properties": {"code": "1", "name": HOSTILE}}
    return Source(features={"type": "FeatureCollection", "features": [feature]}, count=3, counts=counts)


def page(name: str, language: Language = "zh", *, saved: bool = False, **parameters: Any) -> str:
    map_ = maps.registry()[name]
    return str(map_.build(a_view(map_, language, saved=saved, **parameters)).get_root().render())


class Tags(HTMLParser):
    """The start tags of a page with their attributes, its inline scripts, and the texts that a reader meets."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.read: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.read += [value for name, value in attrs if name in ("title", "aria-label", "alt") and value]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.read.append(data)
        elif self.cdata_elem == "script" and data.strip():
            self.scripts.append(data)


every_map = pytest.mark.parametrize("name", maps.registry())
both_languages = pytest.mark.parametrize("language", ["zh", "en"])


@every_map
@both_languages
def test_a_page_loads_nothing_from_another_host(name: str, language: Language) -> None:
    loaded = [
        address
        for _, attributes in Tags(page(name, language, code="HD-1")).tags
        for key in ("src", "href", "action")
        if (address := attributes.get(key))
    ]
    assert loaded
    assert [a for a in loaded if re.match(r"[a-z]+:|//", a)] == []


@every_map
def test_a_page_says_its_title_district_day_and_source_and_that_it_is_illustrative(name: str) -> None:
    html = page(name, "zh")
    title = maps.registry()[name].title.zh
    for text in (f"<h1>{title}</h1>", "某区", "示意", "2023-10-31", "数据来源: 本局台账; 坐标系 CGCS2000 (EPSG:4490)"):
        assert text in html


@every_map
def test_an_english_page_has_no_chinese_word_but_names_and_the_switch(name: str) -> None:
    read = Tags(page(name, "en", code="HD-1")).read
    chinese = {word for text in read for word in re.findall(r"[\u4e00-\u9fff]+", text)}
    assert chinese <= {"中文", "甲镇"}


@every_map
def test_a_hostile_name_ends_no_script_and_runs_as_no_template(name: str) -> None:
    tags = Tags(page(name, saved=True, code="HD-1"))
    assert len(tags.scripts) == sum(tag == ("script", {}) for tag in tags.tags)
    assert script_json(HOSTILE) in "".join(tags.scripts)


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_in_a_script_is_the_same_value_and_cannot_end_it(value: Any) -> None:
    written = script_json(value)
    assert json.loads(written) == value
    assert not set(written) & set("<>&\u2028\u2029")


def test_a_nonce_is_on_every_script_and_style_and_nothing_has_a_style_of_its_own() -> None:
    tags = Tags(with_nonce(page("status"), "n0nce")).tags
    inline = [attributes for tag, attributes in tags if tag in ("script", "style")]
    assert {attributes["nonce"] for attributes in inline} == {"n0nce"}
    assert not [tag for tag, attributes in tags if "style" in attributes or any(a.startswith("on") for a in attributes)]


def test_a_saved_page_holds_its_assets_and_links_to_nothing() -> None:
    html = inlined(page("status", saved=True), lambda path: f"/* {path} </script> */")
    tags = Tags(html)
    assert "/* vendor/leaflet.js" in html
    assert not [a for _, attributes in tags.tags for a in (attributes.get("src"), attributes.get("href")) if a]


def test_our_map_leaves_foliums_own_lists_alone() -> None:
    before = list(folium.Map.default_js), list(folium.Map.default_css)
    page("status")
    assert (folium.Map.default_js, folium.Map.default_css) == before


def test_the_status_map_asks_for_every_layer_that_lies_somewhere_and_for_no_records() -> None:
    wanted = maps.registry()["status"].requests(registry(), {})
    asked = {request.layer for request in wanted.values() if isinstance(request, Features)}
    assert asked == {name for name, layer in registry().items() if not issubclass(layer, Record)}


def test_the_risk_map_asks_for_the_layers_that_declare_a_risk() -> None:
    wanted = maps.registry()["risk"].requests(registry(), {})
    scored = {request.layer for request in wanted.values() if isinstance(request, RiskFeatures)}
    assert scored == {name for name, layer in registry().items() if layer.risk}


def test_a_code_with_a_quote_stays_one_value_of_the_filter() -> None:
    along = maps.registry()["along"]
    wanted = along.requests(registry(), {"layer": "rivers", "code": "x' OR 'a'='a", "within": 200.0, "layers": ()})
    assert wanted["line"] == Features("rivers", "code = 'x'' OR ''a''=''a'")


def test_a_legend_has_the_terms_in_the_vocabularys_order_and_leaves_out_what_is_not_there() -> None:
    map_ = maps.registry()["status"]
    view = a_view(map_)
    source = Source(url="/x", count=7, counts={"D": 2, "A": 4, "未知": 1})
    html = str(map_.build(View(**{**vars(view), "data": {**view.data, "bridges": source}})).get_root().render())
    group = html[html.index('data-layer="bridges"') :].partition("</fieldset>")[0]
    assert re.findall(r'<button[^>]* data-term="(.*?)"', group) == ["A", "D", "未知"]


def test_settled_hazards_start_hidden_with_their_count_in_the_legend() -> None:
    map_ = maps.registry()["status"]
    view = a_view(map_)
    source = Source(url="/x", count=5, counts={"登记": 2, "销号": 3})
    html = str(map_.build(View(**{**vars(view), "data": {**view.data, "hazards": source}})).get_root().render())
    assert re.search(r'aria-pressed="true" data-term="登记"', html)
    assert re.search(r'aria-pressed="false" data-term="销号"', html)


def test_every_term_of_every_vocabulary_has_a_colour_and_label() -> None:
    for layer in registry().values():
        for field in layer.fields().values():
            if field.vocabulary:
                described = terms(field.vocabulary, "en")
                assert list(described) == list(field.vocabulary.codes)
                assert all(re.fullmatch(r"#[0-9a-f]{6}", term["colour"]) for term in described.values())


def test_terms_without_a_colour_get_different_ones_that_no_other_term_has() -> None:
    vocabulary = Vocabulary("test", (Term("a", "a", colour="#1f5f99"), Term("b", "b"), Term("c", "c"), Term("d", "d")))
    assert len(set(colours(vocabulary).values())) == len(vocabulary.codes)


def test_a_programme_adds_its_areas_and_outside_and_names_the_base_of_each_share() -> None:
    [programme] = programmes(a_view(maps.registry()["projects"], "en"))
    assert programme["total"]["planned_investment"] == 400
    assert {share["base"]: share["value"] for share in programme["shares"]} == {
        "planned for the year": 25.0,
        "total investment": 25.0,
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files are maps, too."""
    monkeypatch.setattr(maps, "__path__", [*maps.__path__, str(tmp_path)])
    maps.registry.cache_clear()
    yield tmp_path
    maps.registry.cache_clear()


A_MAP = """
from layers import Label
from maps._map import Map
from maps._page import Sheet
from maps._parts import ground_requests, put_ground

class {name}(Map):
    title, description = Label("空白图", "Blank map"), Label("只有区界", "Boundaries only")
    def requests(self, layers, parameters):
        return ground_requests(layers)
    def build(self, view):
        sheet = Sheet(self, view)
        put_ground(sheet)
        return sheet
"""


def test_a_new_file_is_a_new_map(folder: Path) -> None:
    (folder / "blank.py").write_text(A_MAP.format(name="Blank"), "utf-8")
    assert list(maps.registry())[-1] == "blank"
    assert "<h1>空白图</h1>" in page("blank")
    assert "/maps/blank?lang=zh" in page("status")


def test_a_file_with_two_maps_is_refused_by_name(folder: Path) -> None:
    (folder / "twins.py").write_text(A_MAP.format(name="A") + A_MAP.format(name="B"), "utf-8")
    with pytest.raises(TypeError, match=r"maps/twins\.py declares 2 maps"):
        maps.registry()


def test_no_part_of_the_maps_names_a_layer() -> None:
    names = {name for name, layer in registry().items() if layer.role is not Role.AREAS}
    for file in Path(maps.__file__).parent.glob("_*.py"):
        assert not [name for name in names if f'"{name}"' in file.read_text("utf-8")], file.name
