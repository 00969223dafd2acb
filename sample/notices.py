"""The notices: 82 to sites, all but two about a hazard, six summonses (report 1.5.1), and those to LPG stations.

A notice goes out on the day on which its hazard is issued, with its deadline, and is answered when that is rectified.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from sample.days import within
from sample.firms import BUILDERS, SUPERVISORS, contractor
from sample.past import Row
from sample.past.projects import STOPPED_ON
from sample.plane import seeded

TO_SITES = 82
SUMMONED = (*(("施工单位", firm) for firm in BUILDERS[:5]), ("监理单位", SUPERVISORS[0]))


def records(subjects: dict[str, list[Row]]) -> list[Row]:
    """Return the notices as records of the layer notices; `subjects` are the other layers' rows by name."""
    rows = [*_about_hazards(subjects), *_suspensions(subjects["project_sites"]), *_closures(subjects["gas_stations"])]
    served = sum(row["kind"] == "整改通知书" and row["subject_layer"] == "project_sites" for row in rows)
    rows += [*_about_order(subjects["project_sites"], TO_SITES - served), *_summonses()]
    rows.sort(key=lambda row: (row["issued_on"], row["name"]))
    numbered: dict[str, int] = {}
    for i, row in enumerate(rows, 1):
        series = {"整改通知书": "改", "停工通知书": "停", "约谈": "约", "处罚决定书": "罚"}[row["kind"]]
        numbered[series] = numbered.get(series, 0) + 1
        row |= {"code": f"WS-{i:03d}", "number": f"仓建{series}〔2023〕{numbered[series]}号"}
    return rows


def _notice(kind: str, party: str, firm: str, issued: date, subject: tuple[str | None, str | None]) -> Row:
    layer, code = subject
    return {
        "kind": kind,
        "party": party,
        "party_name": firm,
        "issued_on": issued,
        "subject_layer": layer,
        "subject_code": code,
        "geom": None,
    }


def _about_hazards(subjects: dict[str, list[Row]]) -> Iterator[Row]:
    operators = {row["code"]: row["operator"] for row in subjects["gas_stations"]}
    for hazard in subjects["hazards"]:
        layer, code = hazard["subject_layer"], hazard["subject_code"]
        if layer not in ("project_sites", "gas_stations") or hazard["issued_on"] is None:
            continue
        on_site = layer == "project_sites"
        party, firm = ("施工单位", contractor(code)) if on_site else ("经营单位", operators[code])
        yield _notice("整改通知书", party, firm, hazard["issued_on"], (layer, code)) | {
            "name": f"{hazard['name']}整改通知",
            "deadline": hazard["deadline"],
            "answered_on": hazard["rectified_on"],
            "content": hazard["description"],
        }


def _about_order(sites: list[Row], count: int) -> Iterator[Row]:
    """Yield notices about order on sites (文明施工), where there is no hazard."""
    rng = seeded("order on sites")
    busy = [site for site in sites if site["status"] == "在建" and site["danger"] == "无"]
    for site in busy[:count]:
        issued = within(rng, date(2023, 5, 8), date(2023, 9, 15))
        about = "project_sites", site["code"]
        yield _notice("整改通知书", "施工单位", contractor(site["code"]), issued, about) | {
            "name": f"{site['name']}文明施工整改通知",
            "deadline": issued + timedelta(days=7),
            "answered_on": issued + timedelta(days=6),
            "content": "裸土未覆盖，出入口未设冲洗设施",
        }


def _suspensions(sites: list[Row]) -> Iterator[Row]:
    for site in (site for site in sites if site["status"] == "停工"):
        about = "project_sites", site["code"]
        yield _notice("停工通知书", "施工单位", contractor(site["code"]), STOPPED_ON, about) | {
            "name": f"{site['name']}停工通知",
            "content": "未按专项方案施工，责令暂停施工",
        }


def _closures(stations: list[Row]) -> Iterator[Row]:
    for station in (station for station in stations if station["closed_on"]):
        about = "gas_stations", station["code"]
        yield _notice("处罚决定书", "经营单位", station["operator"], station["closed_on"], about) | {
            "name": f"{station['name']}处罚决定",
            "content": "许可证过期后仍经营，责令关停",
        }


def _summonses() -> Iterator[Row]:
    """Yield the summonses: about firms, at no place."""
    rng = seeded("summonses")
    for party, firm in SUMMONED:
        issued = within(rng, date(2023, 3, 6), date(2023, 10, 13))
        yield _notice("约谈", party, firm, issued, (None, None)) | {
            "name": f"约谈{firm}",
            "answered_on": issued + timedelta(days=3),
            "content": "安全生产履职约谈",
        }
