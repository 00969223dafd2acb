"""The settings, all from the environment: `GIS_PORT=8080 make run`. The README's table is compared with this file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from pyproj import CRS
from pyproj.exceptions import CRSError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from layers import Language


def _postgresql(url: str) -> str:
    """Say the driver: SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError("must look like postgresql://user:password@host:5432/database") from error
    if parsed.get_backend_name() != "postgresql":
        raise ValueError(f"must be a PostgreSQL address, not {parsed.get_backend_name()}")
    return parsed.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def _bucket(url: str) -> str:
    """Refuse what is no address of a bucket, before the first photo is."""
    parts = urlsplit(url)
    if url and (parts.scheme != "s3" or not parts.netloc or set(parse_qs(parts.query)) - {"endpoint", "region"}):
        raise ValueError("must look like s3://bucket/prefix?endpoint=http://host:9000&region=us-east-1")
    return url


def _web(address: str) -> str:
    if address and not address.startswith(("https://", "http://")):
        raise ValueError("must begin with https:// (or http://)")
    return address


def _metric(srid: int) -> int:
    """Refuse a CRS in which metres are not metres: degrees, feet, and web Mercator (11 % too long at 26 N)."""
    try:
        crs = CRS.from_epsg(srid)
    except CRSError as error:
        raise ValueError(f"EPSG:{srid} is unknown") from error
    if not crs.is_projected or crs.axis_info[0].unit_conversion_factor != 1 or "Pseudo-Mercator" in crs.name:
        raise ValueError(f"EPSG:{srid} ({crs.name}) does not measure in true metres; choose e.g. EPSG:4549")
    return srid


class Settings(BaseSettings):
    """What an operator may set. Every field is `GIS_` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="GIS_", extra="ignore")

    home: Path = Field(Path(".gis"), description="Folder of the embedded database, the attachments and the keys.")
    database_url: Annotated[str, AfterValidator(_postgresql)] | None = Field(
        None, description="Use this PostgreSQL with PostGIS instead of the embedded one."
    )
    district: str = Field(
        "sample",
        pattern=r"^[a-z][a-z0-9_]{0,40}$",
        description="The district served: one district is one schema of the database.",
    )
    district_name: str = Field("", description="Its name as people read it; the sample brings its own.")
    metric_srid: Annotated[int, AfterValidator(_metric)] | None = Field(
        None,
        description="EPSG code of the projected CRS for distances and chainage. By default it follows from where "
        "the areas lie: the 3-degree zone of CGCS2000 in China, UTM elsewhere.",
    )
    licence: str = Field(
        "内部资料，仅供工作使用 · For internal use only", description="The terms of use that exported files state."
    )
    host: str = Field("127.0.0.1", description="Address to serve on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to serve on.")
    anonymous: bool = Field(
        default=True,
        description="Whether who has not signed in may read, as the user `anonymous`; false asks for a sign-in.",
    )
    session_hours: float = Field(12, gt=0, le=24 * 90, description="Hours after which a browser has to sign in anew.")
    oidc_issuer: Annotated[str, AfterValidator(_web)] = Field(
        "", description="Address of an OpenID Connect provider for single sign-on; none by default."
    )
    oidc_client_id: str = Field("", description="The name by which the provider knows this service.")
    oidc_client_secret: str = Field("", repr=False, description="The secret that it shares with the provider.")
    oidc_claim: str = Field("preferred_username", description="The provider's claim that is a user's name here.")
    language: Language = Field("zh", description="Language of pages where the reader has not chosen: zh or en.")
    workers: int = Field(1, ge=1, le=64, description="Processes that serve requests.")
    pool_size: int = Field(
        8,
        ge=1,
        le=100,
        description="Database connections of each process that serves requests; hot reads have half as many more.",
    )
    page_size: int = Field(100, ge=1, description="Features on a page where the client asks for no number.")
    page_limit: int = Field(10_000, ge=1, description="The most features on one page.")
    tiles_above: int = Field(
        5_000, ge=0, description="Layers with more features than this are drawn from vector tiles, others from GeoJSON."
    )
    tile_cache_mb: int = Field(
        512, ge=0, description="Room for vector tiles kept in GIS_HOME/tiles, in MB; the oldest go first. 0 keeps none."
    )
    base_map_url: str = Field("", description="XYZ template of a base map, e.g. of 天地图; none by default.")
    base_map_attribution: str = Field("", description="Attribution and 审图号 of the base map.")
    attachments_url: Annotated[str, AfterValidator(_bucket)] = Field(
        "",
        description="Keep photos and files in a bucket instead of GIS_HOME: "
        "`s3://bucket/prefix?endpoint=http://host:9000`; credentials as usual in AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY.",
    )
    attachment_limit_mb: int = Field(20, ge=1, le=1000, description="The largest photo or file that is taken, in MB.")
