"""What a client gives: a GeoJSON Feature, or a part of one; and which version of the record it had read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from gis_service.crs import CRS84, Crs
from gis_service.errors import BadRecord, Fault, UsageError
from layers import Label

_TAG = r'(?:W/)?("[^"]*")'
_TAGS = re.compile(rf"\s*{_TAG}\s*(?:,\s*{_TAG}\s*)*")
_OF_AN_ANSWER = re.compile(r'\.[0-9a-f]+"$')
"""What a tag says behind its version of one answer among those that show it: format, CRS, choice of properties."""


@dataclass(frozen=True)
class Given:
    """Properties by name, and a GeoJSON geometry (None is null) in `crs` where `shaped` says that there is one."""

    properties: Mapping[str, Any] = field(default_factory=dict)
    geometry: Mapping[str, Any] | None = None
    shaped: bool = False
    crs: Crs = CRS84


@dataclass(frozen=True)
class Read:
    """The version that a client had read: the tags of If-Match (empty: any), else its number, else nothing is known.

    Or it is not to have been changed after a moment (`since`), in whole seconds.
    """

    tags: tuple[str, ...] | None = None
    version: int | None = None
    since: datetime | None = None


def record_of(document: object) -> Given:
    """Return what a GeoJSON Feature gives; a geometry that it leaves out is null.

    Raises
    ------
    UsageError
        Where it is no Feature.
    """
    if not isinstance(document, dict) or document.get("type") != "Feature":
        raise UsageError("应为一个 GeoJSON 要素（type 为 Feature）。", "This must be a GeoJSON object of type Feature.")
    return _given({"properties": None, "geometry": None} | document)


def patch_of(document: object) -> Given:
    """Return what a merge patch (RFC 7396) of a Feature gives: its `properties`, its `geometry`, or both.

    An `id` is the record's code, which stays.

    Raises
    ------
    UsageError
        Where it is no object, or has neither.
    """
    if not isinstance(document, dict) or not document.keys() & {"properties", "geometry"}:
        raise UsageError(
            '应为含 properties 和（或）geometry 的 JSON 对象，例如 {"properties": {"name": "…"}}。',
            'This must be a JSON object with properties, geometry or both, e.g. {"properties": {"name": "..."}}.',
            allowed=("properties", "geometry"),
        )
    given = _given(document)
    return replace(given, properties={**given.properties, "code": document["id"]}) if "id" in document else given


def _given(document: dict[str, Any]) -> Given:
    properties, geometry = document.get("properties"), document.get("geometry")
    for name, value in (("properties", properties), ("geometry", geometry)):
        if not isinstance(value, dict | None):
            raise UsageError(f"{name} 应为 JSON 对象或 null。", f"{name} must be a JSON object or null.", member=name)
    crs = document.get("crs") or (geometry or {}).get("crs")
    shape = None if geometry is None else {**geometry, "crs": crs}
    return Given(properties or {}, shape, "geometry" in document)


def read_of(if_match: str | None, version: object = None, if_unmodified_since: str | None = None) -> Read:
    """Return which version a client says that it had read; If-Match comes first, then If-Unmodified-Since.

    Weak tags count as strong ones, into which proxies that compress make them: a tag names a version, not its bytes.

    Raises
    ------
    UsageError
        Where If-Match is no list of tags, or If-Unmodified-Since no date of HTTP.
    BadRecord
        Where the version is no number.
    """
    if if_match is not None:
        if if_match.strip() == "*":
            return Read(())
        if not _TAGS.fullmatch(if_match):
            raise UsageError(
                'If-Match 应为读取时的 ETag（含引号），例如 "12-3"，或 *。',
                'If-Match must be the ETag that was read, with its quotes, e.g. "12-3", or *.',
                parameter="If-Match",
            )
        return Read(tuple(_OF_AN_ANSWER.sub('"', tag) for tag in re.findall(_TAG, if_match)))
    if if_unmodified_since is not None:
        return Read(since=_moment(if_unmodified_since))
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        why = Label("应为读取时的版本号（整数）", "must be the number of the version that was read")
        raise BadRecord.of([Fault("version", version, why)])
    return Read(None, version)


def _moment(text: str) -> datetime:
    """Return the moment that a date of HTTP names. A wrong one is refused: without it what others did would be lost."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError as error:
        raise UsageError(
            "If-Unmodified-Since 应为读取时的 Last-Modified，例如 Tue, 31 Oct 2023 08:00:00 GMT。",
            "If-Unmodified-Since must be the Last-Modified that was read, e.g. Tue, 31 Oct 2023 08:00:00 GMT.",
            parameter="If-Unmodified-Since",
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
