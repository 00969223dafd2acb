"""The ledger of hazards: its loop through the service by real people, its refusals, its rates and its daily list."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from click.testing import Result
from conftest import copied
from hypothesis import given, settings
from hypothesis import strategies as st
from people import bearing, signed_in
from serving import serving
from typer.testing import CliRunner

from gis_service import cli
from gis_service.database import Database
from gis_service.database.cluster import Cluster
from gis_service.errors import BadRecord, Forbidden, NotNow
from gis_service.ledger import BY, rates
from layers import ledger

TODAY, CHENGMEN, GAISHAN = date(2023, 10, 31), "350104101", "350104102"
PEOPLE = {
    "陈工": ("inspector", None),
    "城门陈工": ("inspector", [CHENGMEN]),
    "林工": ("verifier", None),
    "王处": ("manager", None),
    "读者": ("viewer", None),
}


class Office:
    """A bureau at work: its service, and its people by name."""

    def __init__(self, root: str, database: Database) -> None:
        self.root, self.database = root, database
        self.secrets = {
            name: signed_in(database, name, role, areas=areas)  # type: ignore[arg-type]
            for name, (role, areas) in PEOPLE.items()
        }
        self._found = 0

    def get(self, address: str, who: str = "读者", **query: Any) -> httpx.Response:
        return httpx.get(f"{self.root}{address}", params=query, headers=bearing(self.secrets[who]), timeout=30)

    def hazard(self, code: str, who: str = "读者", **query: Any) -> dict[str, Any]:
        return dict(self.get(f"/api/hazards/{code}", who, **query).raise_for_status().json())

    def step(self, who: str, code: str, transition: str, **body: Any) -> httpx.Response:
        headers = bearing(self.secrets[who]) if who else {}
        address = f"{self.root}/api/hazards/{code}/transitions"
        return httpx.post(address, json={"transition": transition, **body}, headers=headers, timeout=30)

    def find(self, *steps: tuple[str, str, dict[str, Any]], x: float = 119.3178) -> str:
        """Record a hazard at a place of its own in 盖山镇, and take some steps; return its code."""
        self._found += 1
        code = f"YH-N{self._found:03}"
        with self.database.for_service().acting("陈工").transaction(reason="现场发现") as connection:
            connection.exec_driver_sql(
                "INSERT INTO hazards (code, name, kind, level, status, found_on, geom) VALUES "
                "(%s, '护栏松动', '结构', '一般', '登记', '2023-10-30', ST_SetSRID(ST_MakePoint(%s, 26.0134), 4490))",
                (code, x),
            )
        for who, transition, body in steps:
            assert self.step(who, code, transition, **body).status_code == 200
        return code


ISSUED = ("陈工", "issue", {"deadline": "2023-11-10"})
RECTIFIED = ("陈工", "rectify", {"note": "已加固"})
VERIFIED: tuple[str, str, dict[str, Any]] = ("林工", "verify", {})


@pytest.fixture(scope="module")
def office(cluster: Cluster, sample_template: str) -> Iterator[Office]:
    for database in copied(cluster, sample_template, "ledger_office"):
        with serving(database) as root:
            yield Office(root, database)


def _photo(office: Office, code: str) -> int:
    row = {
        "layer": "hazards",
        "code": code,
        "name": "照片.jpg",
        "media_type": "image/jpeg",
        "size": 9,
        "sha256": "0" * 64,
    }
    with office.database.transaction("tests") as connection:
        insert = "INSERT INTO attachments ({}) VALUES ({}) RETURNING id".format(", ".join(row), ", ".join(["%s"] * 6))
        return int(connection.exec_driver_sql(insert, tuple(row.values())).scalar_one())


def test_a_hazard_goes_its_whole_way_and_every_step_can_be_read_afterwards(office: Office) -> None:
    code = office.find(("陈工", "issue", {"deadline": "2023-11-10", "note": "请河道所处理"}), ("陈工", "start", {}))
    photo = _photo(office, code)
    steps: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("王处", "extend", {"deadline": "2023-11-20", "note": "材料未到"}),
        ("王处", "supervise", {"note": "临近学校"}),
        ("陈工", "rectify", {"attachments": [photo]}),
        ("林工", "return", {"note": "一处仍松动"}),
        ("陈工", "rectify", {"note": "全部更换"}),
        ("林工", "verify", {}),
        ("林工", "close", {}),
    )
    for who, transition, body in steps:
        answer = office.step(who, code, transition, **body)
        assert answer.status_code == 200, answer.text
    found = office.hazard(code)
    facts = found["properties"]
    assert (facts["status"], facts["rectified_by"], facts["verified_by"]) == ("销号", "陈工", "林工")
    days = ("issued_on", "rectified_on", "verified_on", "closed_on")
    assert [facts[day] for day in days] == ["2023-10-31"] * 4
    assert (facts["deadline"], facts["supervised"], facts["open"]) == ("2023-11-20", True, False)
    told = [(e["label"], e["from_label"], e["to_label"], e["by"], e["note"]) for e in found["events"]]
    assert told == [
        ("登记", None, "登记", "陈工", "现场发现"),
        ("交办", "登记", "交办", "陈工", "请河道所处理"),
        ("开始整改", "交办", "整改中", "陈工", None),
        ("延期", "整改中", "整改中", "王处", "材料未到"),
        ("挂牌督办", "整改中", "整改中", "王处", "临近学校"),
        ("整改完成", "整改中", "整改完成", "陈工", None),
        ("退回整改", "整改完成", "整改中", "林工", "一处仍松动"),
        ("整改完成", "整改中", "整改完成", "陈工", "全部更换"),
        ("复查合格", "整改完成", "复查", "林工", None),
        ("销号", "复查", "销号", "林工", None),
    ]
    extended, with_photo = found["events"][3], found["events"][5]
    assert (extended["deadline_before"], extended["deadline"]) == ("2023-11-10", "2023-11-20")
    assert [file["id"] for file in with_photo["attachments"]] == [photo]
    assert all(e["held_from"].startswith("2023-10-31") for e in found["events"]), "the district's day"
    english = office.hazard(code, lang="en")["events"]
    assert [e["label"] for e in english[1:4]] == ["Issue", "Start", "Extend"]
    assert office.hazard(code, "林工")["transitions"] == []


def test_everybody_is_offered_the_steps_that_are_hers_now(office: Office) -> None:
    def offered(who: str, code: str) -> list[str]:
        return [one["transition"] for one in office.hazard(code, who)["transitions"]]

    code = office.find(ISSUED, RECTIFIED)
    assert offered("陈工", code) == []
    assert offered("林工", code) == ["verify", "return"]
    assert offered("王处", code) == ["verify", "return", "supervise"]
    assert offered("读者", code) == []
    assert httpx.get(f"{office.root}/api/hazards/{code}").json()["transitions"] == []
    fresh = office.find()
    (issue,) = office.hazard(fresh, "陈工", lang="en")["transitions"]
    assert (issue["label"], issue["to_label"], issue["needs"]) == ("Issue", "issued", ["deadline"])
    assert office.hazard(fresh, "陈工", as_of="2023-10-31")["transitions"] == [], "a past day is only read"


def _problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return dict(answer.json())


def test_a_step_that_is_not_there_is_refused_with_those_possible_now(office: Office) -> None:
    assert _problem(office.step("陈工", office.find(), "finish"), 400)["allowed"] == ["issue", "supervise"]


def test_a_step_that_the_state_does_not_allow_is_refused_with_the_state(office: Office) -> None:
    told = _problem(office.step("林工", office.find(ISSUED), "close"), 409)
    assert "交办" in told["detail"]
    assert told["allowed"] == ["start", "rectify", "extend", "supervise"]


def test_what_was_done_once_is_not_done_again(office: Office) -> None:
    code = office.find(("王处", "supervise", {"note": "重点"}))
    assert office.step("王处", code, "supervise", note="再一次").status_code == 409


@pytest.mark.parametrize(
    ("who", "steps", "transition", "body", "field", "said"),
    [
        ("陈工", (), "issue", {}, "deadline", "请填写整改期限"),
        ("陈工", (), "issue", {"deadline": "2023-10-31"}, "deadline", "须晚于 2023-10-31"),
        ("王处", (ISSUED,), "extend", {"deadline": "2023-11-10", "note": "雨"}, "deadline", "现有期限 2023-11-10"),
        ("王处", (ISSUED,), "extend", {"deadline": "2023-11-11", "note": " "}, "note", "请填写说明"),
        ("王处", (), "supervise", {}, "note", "请填写说明"),
        ("陈工", (ISSUED,), "start", {"deadline": "2023-12-01"}, "deadline", "不设期限"),
        ("陈工", (ISSUED,), "rectify", {}, "attachments", "为凭"),
        ("陈工", (ISSUED,), "rectify", {"attachments": [987654]}, "attachments", "987654"),
        ("陈工", (ISSUED,), "rectify", {"note": "a\0b"}, "note", "空字符"),
        ("王处", (), "issue", {"deadline": "2023-12-01", "valid_from": "2023-11-01"}, "valid_from", "不能晚于"),
    ],
)
def test_a_missing_or_wrong_field_is_named_with_its_rule(  # noqa: PLR0917
    who: str, steps: tuple[Any, ...], transition: str, body: dict[str, Any], field: str, said: str, office: Office
) -> None:
    code = office.find(*steps)
    before = office.hazard(code)
    told = _problem(office.step(who, code, transition, **body), 422)
    (error,) = told["errors"]
    assert error["field"] == field
    assert said in error["rule"]
    assert said in told["detail"]
    assert office.hazard(code) == before, "nothing was written"


def test_all_that_is_wrong_is_said_at_once_in_the_readers_language(office: Office) -> None:
    address = f"{office.root}/api/hazards/{office.find(ISSUED)}/transitions?lang=en"
    answer = httpx.post(address, json={"transition": "extend"}, headers=bearing(office.secrets["王处"]))
    errors = _problem(answer, 422)["errors"]
    assert [(e["field"], e["rule"]) for e in errors] == [
        ("deadline", "a deadline is needed"),
        ("note", "a note is needed"),
    ]


def test_a_photo_is_evidence_once_and_only_for_its_own_hazard(office: Office) -> None:
    other = office.find()
    code = office.find(ISSUED)
    assert office.step("陈工", code, "rectify", attachments=[_photo(office, other)]).status_code == 422
    photo = _photo(office, code)
    assert office.step("陈工", code, "rectify", attachments=[photo]).status_code == 200
    assert office.step("林工", code, "return", note="不足").status_code == 200
    assert office.step("陈工", code, "rectify", attachments=[photo]).status_code == 422


def test_who_rectified_neither_verifies_nor_returns_even_where_she_may_both(office: Office) -> None:
    code = office.find(ISSUED, ("王处", "rectify", {"note": "已办"}))
    for transition in ("verify", "return"):
        told = _problem(office.step("王处", code, transition, note="自查"), 403)
        assert "由您整改" in told["detail"]
    assert office.step("林工", code, "verify").status_code == 200


@pytest.mark.parametrize(
    ("who", "status"),
    [("", 401), ("读者", 403), ("林工", 403), ("城门陈工", 404)],
    ids=["nobody", "viewer", "verifier", "elsewhere"],
)
def test_whose_part_a_step_is_not_cannot_take_it(who: str, status: int, office: Office) -> None:
    code = office.find()
    _problem(office.step(who, code, "issue", deadline="2023-11-30"), status)
    assert office.hazard(code)["properties"]["status"] == "登记"


def test_a_hazard_about_a_feature_elsewhere_is_seen_but_not_acted_on(office: Office) -> None:
    code = office.find(x=119.3178)
    with office.database.transaction("tests") as connection:
        connection.exec_driver_sql(
            "UPDATE hazards SET geom = (SELECT geom FROM bridges WHERE area_code = %s LIMIT 1), "
            "subject_layer = 'bridges', subject_code = (SELECT code FROM bridges WHERE area_code = %s LIMIT 1) "
            "WHERE code = %s",
            (CHENGMEN, GAISHAN, code),
        )
    assert office.hazard(code, "城门陈工")["transitions"] == []
    assert office.hazard(code, "城门陈工")["properties"]["subject_name"] is None
    _problem(office.step("城门陈工", code, "issue", deadline="2023-11-30"), 403)
    assert office.step("陈工", code, "issue", deadline="2023-11-30").status_code == 200


def test_an_earlier_day_is_for_who_may_backdate_and_never_before_the_present_version(office: Office) -> None:
    code = office.find()
    with office.database.transaction("tests", valid_from=date(2023, 9, 1)) as connection:
        connection.exec_driver_sql(
            "INSERT INTO hazards (code, kind, level, status, found_on, geom) "
            "SELECT 'YH-OLD', kind, level, status, '2023-09-01', geom FROM hazards WHERE code = %s",
            (code,),
        )
    body = {"deadline": "2023-09-20", "valid_from": "2023-09-05"}
    _problem(office.step("陈工", "YH-OLD", "issue", **body), 403)
    assert office.step("王处", "YH-OLD", "issue", **body).status_code == 200
    found = office.hazard("YH-OLD")
    assert (found["properties"]["issued_on"], found["properties"]["days_overdue"]) == ("2023-09-05", 41)
    assert office.hazard("YH-OLD", as_of="2023-09-04")["properties"]["status"] == "登记"
    assert len(office.hazard("YH-OLD", as_of="2023-09-04")["events"]) == 1
    early = office.step("王处", "YH-OLD", "rectify", note="已办", valid_from="2023-09-04")
    assert "2023-09-05" in _problem(early, 409)["detail"]


def test_of_two_who_take_one_step_at_once_one_is_told_that_it_is_taken(office: Office) -> None:
    for _ in range(6):
        code, together, answers = office.find(), threading.Barrier(2), []

        def take(who: str, code: str = code, together: threading.Barrier = together) -> None:
            together.wait()
            answers.append(office.step(who, code, "issue", deadline="2023-11-30").status_code)  # noqa: B023

        both = [threading.Thread(target=take, args=(who,)) for who in ("陈工", "王处")]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert sorted(answers) == [200, 409]
        assert [e["transition"] for e in office.hazard(code)["events"]] == ["", "issue"]


@pytest.mark.parametrize(
    ("who", "transition", "change"),
    [
        ("林工", "", "status = '销号'"),
        ("林工", "close", "status = '销号'"),
        ("王处", "", "deadline = '2024-01-01'"),
        ("陈工", "", "rectified_by = '林工'"),
        ("陈工", "supervise", "supervised = true"),
    ],
)
def test_the_database_itself_refuses_a_state_that_no_step_leads_to(
    who: str, transition: str, change: str, office: Office
) -> None:
    code = office.find(ISSUED)
    served = office.database.for_service().acting(who)
    with pytest.raises(NotNow), served.transaction(transition=transition) as connection:
        connection.exec_driver_sql(f"UPDATE hazards SET {change} WHERE code = '{code}'")
    served.engine.dispose()


@pytest.mark.parametrize("given", ["deadline", "rectified_on", "rectified_by", "supervised"])
def test_a_hazard_begins_without_what_only_steps_set(given: str, office: Office) -> None:
    served = office.database.for_service().acting("陈工")
    value = {"rectified_by": "'林工'", "supervised": "true"}.get(given, "'2023-10-01'")
    with pytest.raises(NotNow), served.transaction() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO hazards (code, kind, level, status, {given}, geom) "
            f"VALUES ('YH-X', '结构', '一般', '登记', {value}, ST_SetSRID(ST_MakePoint(119.3178, 26.0134), 4490))"
        )
    served.engine.dispose()


def test_events_are_only_ever_appended(office: Office) -> None:
    served = office.database.for_service().acting("王处")
    for statement in ("UPDATE events SET note = ''", "DELETE FROM events", "INSERT INTO events DEFAULT VALUES"):
        with pytest.raises(Forbidden), served.transaction() as connection:
            connection.exec_driver_sql(statement)
    for statement in ("UPDATE events SET note = ''", "DELETE FROM events", "TRUNCATE events"):
        with pytest.raises(sa.exc.DBAPIError, match="only appended"), office.database.transaction() as connection:
            connection.exec_driver_sql(statement)
    served.engine.dispose()


# --- reading ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service(sample_district: Database) -> Iterator[httpx.Client]:
    with serving(sample_district) as root, httpx.Client(base_url=root, timeout=30) as client:
        yield client


def _all(service: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """Follow the pages of the ledger to the end."""
    address, found = str(httpx.URL("/api/hazards", params={"limit": 37, **query})), []
    while address:
        answer = service.get(address).raise_for_status().json()
        found += [feature["properties"] for feature in answer["features"]]
        assert answer["numberReturned"] == len(answer["features"])
        matched = answer["numberMatched"]
        address = next((link["href"] for link in answer["links"] if link["rel"] == "next"), "")
    assert len(found) == matched == len({one["code"] for one in found})
    return found


def test_the_pages_hold_every_hazard_once_the_most_urgent_first(service: httpx.Client) -> None:
    found = _all(service)
    assert len(found) == 260
    to_do = [h for h in found if h["status"] in ("交办", "整改中")]
    assert found[: len(to_do)] == to_do
    assert [h["deadline"] for h in to_do] == sorted(h["deadline"] for h in to_do)
    assert [h["status"] for h in found[40:61]] == ["登记"] * 5 + ["整改完成"] * 16
    done = found[61:]
    assert [h["found_on"] for h in done] == sorted((h["found_on"] for h in done), reverse=True)


FILTERS: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "overdue=true": lambda h: bool(h["deadline"] and h["deadline"] < "2023-10-31" and not h["rectified_on"]),
    "overdue=false&open=true": lambda h: h["open"] and not h["overdue"],
    "open=true": lambda h: h["status"] in ("登记", "交办", "整改中", "整改完成"),
    "open=false": lambda h: h["status"] in ("复查", "销号"),
    "area=350104101": lambda h: h["area_code"] == "350104101",
    "level=重大": lambda h: h["level"] == "重大",
    "level=major": lambda h: h["level"] == "重大",
    "status=登记,交办": lambda h: h["status"] in ("登记", "交办"),
    "kind=消防&open=true": lambda h: h["kind"] == "消防" and h["open"],
    "subject=rivers": lambda h: h["subject_layer"] == "rivers",
    "subject=rivers/HD-012": lambda h: (h["subject_layer"], h["subject_code"]) == ("rivers", "HD-012"),
    "supervised=true": lambda h: h["supervised"] is True,
    "supervised=false": lambda h: h["supervised"] is not True,
    "found_from=2023-06-01&found_to=2023-06-30": lambda h: "2023-06-01" <= h["found_on"] <= "2023-06-30",
}


@pytest.mark.parametrize("query", FILTERS)
def test_a_filter_chooses_what_it_says(query: str, service: httpx.Client) -> None:
    everything, chosen = _all(service), _all(service, **dict(part.split("=") for part in query.split("&")))
    expected = [h["code"] for h in everything if FILTERS[query](h)]
    assert [h["code"] for h in chosen] == expected
    assert expected


def test_a_hazard_says_how_late_it_is_and_what_it_is_about(service: httpx.Client) -> None:
    for hazard in _all(service, overdue="true"):
        assert hazard["days_overdue"] == (TODAY - date.fromisoformat(hazard["deadline"])).days
        if hazard["subject_layer"]:
            subject = service.get(f"/api/layers/{hazard['subject_layer']}/features/{hazard['subject_code']}").json()
            assert hazard["subject_name"] == subject["properties"]["name"]


@pytest.mark.parametrize(
    "query", ["level=严重", "status=x", "subject=roads/1", "after=x", "area=1", "open=perhaps", "found_from=x"]
)
def test_what_is_not_there_is_refused(query: str, service: httpx.Client) -> None:
    answer = service.get(f"/api/hazards?{query}")
    assert answer.status_code in (400, 404)
    assert query.partition("=")[2].partition("/")[0] in answer.json()["detail"]


def test_the_ledger_of_a_past_day_is_as_it_stood(service: httpx.Client) -> None:
    then = _all(service, as_of="2023-06-30")
    assert len(then) == 128
    one = next(h for h in then if h["status"] == "整改中")
    assert one["days_open"] == (date(2023, 6, 30) - date.fromisoformat(one["found_on"])).days
    assert service.get(f"/api/hazards/{one['code']}?as_of=2023-06-30").json()["events"][-1]["to"] == "整改中"
    assert service.get(f"/api/hazards/{one['code']}").json()["events"][-1]["to"] != "整改中"


def _recounted(hazards: list[dict[str, Any]]) -> dict[str, int]:
    rectified = [h for h in hazards if h["status"] in ("整改完成", "复查", "销号")]
    on_time = [h for h in rectified if h["rectified_on"] and h["deadline"] and h["rectified_on"] <= h["deadline"]]
    verified = [h for h in rectified if h["status"] != "整改完成"]
    closed = [h for h in verified if h["status"] == "销号"]
    counts = {"found": hazards, "rectified": rectified, "on_time": on_time, "verified": verified, "closed": closed}
    return {name: len(those) for name, those in counts.items()}


BASES = {"rectified": "found", "on_time": "rectified", "verified": "rectified", "closed": "found"}


def _agree(told: dict[str, Any], hazards: list[dict[str, Any]]) -> None:
    expected = _recounted(hazards)
    assert {name: told[name] for name in expected} == expected
    for rate in told["rates"]:
        part, base = expected[rate["name"]], expected[BASES[rate["name"]]]
        assert (rate["numerator"], rate["denominator"]) == (part, base)
        assert rate["percent"] == (round(100 * part / base, 2) if base else None)
        assert rate["base"]


def test_the_rates_of_any_day_are_those_of_the_ledger_as_it_stood(service: httpx.Client) -> None:
    for day in ("2023-03-31", "2023-06-30", "2023-10-31"):
        told = service.get("/api/hazards/rates", params={"as_of": day}).json()
        assert told["as_of"] == day
        _agree(told["total"], _all(service, as_of=day))
    english = service.get("/api/hazards/rates?lang=en").json()["total"]["rates"]
    assert english[0]["base"] == "hazards found in the period"


days = st.none() | st.integers(0, 60).map(lambda n: date(2023, 9, 15) + timedelta(n))
generated = st.lists(
    st.fixed_dictionaries(
        {
            "status": st.sampled_from([t.code for t in ledger().fields()["status"].vocabulary or ()]),
            "level": st.sampled_from(["一般", "重大", "未知"]),
            "kind": st.sampled_from(["消防", "结构", "其他"]),
            "subject_layer": st.sampled_from([None, "rivers", "bridges"]),
            "found_on": days,
            "deadline": days,
            "rectified_on": days,
            "x": st.sampled_from([119.3178, 119.3974, 110.0]),  # 盖山镇, 城门镇, outside
        }
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def no_hazards(office: Office) -> Iterator[sa.Connection]:
    """A district without hazards, for as long as its transaction is open."""
    with office.database.engine.connect() as connection, connection.begin() as transaction:
        connection.exec_driver_sql("DELETE FROM hazards")
        yield connection
        transaction.rollback()


@settings(max_examples=30, deadline=None)
@given(generated, st.sampled_from(BY), days, days)
def test_the_rates_of_any_ledger_are_a_plain_recount_and_their_rows_add_up(
    no_hazards: sa.Connection, hazards: list[dict[str, Any]], by: str, since: date | None, until: date | None
) -> None:
    rows = json.dumps([{**hazard, "code": f"G{n}"} for n, hazard in enumerate(hazards)], default=str)
    with no_hazards.begin_nested() as attempt:
        no_hazards.exec_driver_sql(
            "INSERT INTO hazards (code, status, level, kind, subject_layer, found_on, deadline, rectified_on, geom) "
            "SELECT code, status, level, kind, subject_layer, found_on, deadline, rectified_on, "
            "ST_SetSRID(ST_MakePoint(x, 26.0350), 4490) FROM jsonb_to_recordset(%s::jsonb) AS h "
            "(code text, status text, level text, kind text, subject_layer text, found_on date, "
            "deadline date, rectified_on date, x float)",
            (rows,),
        )
        told = rates(no_hazards, TODAY, "zh", by=by, found_from=since, found_to=until)
        placed_in = no_hazards.exec_driver_sql("SELECT code, area_code FROM hazards")
        areas = {row.code: row.area_code for row in placed_in}
        attempt.rollback()
    placed = [{**hazard, "area": areas[f"G{number}"]} for number, hazard in enumerate(hazards)]
    bounds = since or date.min, until or date.max
    chosen = [h for h in placed if (h["found_on"] and bounds[0] <= h["found_on"] <= bounds[1]) or not (since or until)]
    _agree(told["total"], chosen)
    for row in told["rows"]:
        _agree(row, [h for h in chosen if h[by] == row["key"]])
    for name in ("found", "rectified", "on_time", "verified", "closed", "overdue"):
        assert sum(row[name] for row in told["rows"]) == told["total"][name]


def test_the_daily_list_is_the_ledgers_open_hazards_by_area_the_major_first(service: httpx.Client) -> None:
    told, everything = service.get("/api/hazards/daily").json(), _all(service)
    soon = "2023-11-03"
    expected: Mapping[str, Callable[[dict[str, Any]], bool]] = {
        "overdue": lambda h: h["overdue"],
        "due_soon": lambda h: h["status"] in ("交办", "整改中") and "2023-10-31" <= h["deadline"] <= soon,
        "found": lambda h: h["status"] == "登记",
        "to_verify": lambda h: h["status"] == "整改完成",
    }
    for section, belongs in expected.items():
        listed = {item["code"] for area in told["areas"] for item in area[section]}
        assert listed == {h["code"] for h in everything if belongs(h)}
        assert told["counts"][section] == len(listed) > 0
        for area in told["areas"]:
            levels = [item["level"] for item in area[section]]
            assert levels == sorted(levels, key=lambda level: level != "重大")
            assert {item["area_code"] for item in area[section]} <= {area["area_code"]}
    late = [item for area in told["areas"] for item in area["overdue"]]
    assert all(item["days"] == item["days_overdue"] for item in late)
    one = service.get("/api/hazards/daily", params={"area": GAISHAN}).json()
    assert [area["area"] for area in one["areas"]] == ["盖山镇"]


def test_a_sub_district_reads_its_own_ledger_rates_and_list_only(office: Office) -> None:
    everything = office.get("/api/hazards", limit=1000).json()["features"]
    hers = [f["id"] for f in everything if f["properties"]["area_code"] == CHENGMEN]
    assert [f["id"] for f in office.get("/api/hazards", "城门陈工", limit=1000).json()["features"]] == hers
    assert office.get("/api/hazards/rates", "城门陈工").json()["total"]["found"] == len(hers)
    areas = office.get("/api/hazards/daily", "城门陈工").json()["areas"]
    assert {area["area_code"] for area in areas} <= {CHENGMEN}


def test_the_command_line_works_the_ledger_as_the_api_does(own_sample: Database) -> None:
    url = own_sample.engine.url.render_as_string(hide_password=False)

    def gis(*words: str) -> Result:
        return CliRunner(env={"GIS_DATABASE_URL": url}).invoke(cli.app, ["hazards", *words])

    late = json.loads(gis("list", "--overdue", "--limit", "1000", "--json").stdout)
    assert late["numberMatched"] == len(late["features"]) > 0
    assert json.loads(gis("rates", "--json").stdout)["total"]["found"] == 260
    assert json.loads(gis("daily", "--area", GAISHAN, "--json").stdout)["areas"][0]["area"] == "盖山镇"
    new = json.loads(gis("list", "--status", "登记", "--json").stdout)["features"][0]["id"]
    assert "issue (交办)" in gis("show", new).stdout
    refused = gis("step", new, "issue").exception
    assert isinstance(refused, BadRecord)
    assert "期限" in refused.sentence("zh")
    assert gis("step", new, "issue", "--deadline", "2023-11-30").stdout == f"{new}: 交办 → 交办\n"
    assert "2023-11-30" in gis("show", new).stdout
    for words in (("list",), ("rates", "--by", "area"), ("daily",)):
        assert "2023-10-31" in gis(*words).stdout
