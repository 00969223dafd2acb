"""The ledger of hazards: its rows, its loop, its rates, and what is to be done today."""

from gis_service.ledger.daily import SECTIONS, daily
from gis_service.ledger.rates import BY, rates
from gis_service.ledger.record import record
from gis_service.ledger.rows import Page, Wanted, page
from gis_service.ledger.steps import Asked, take

__all__ = ["BY", "SECTIONS", "Asked", "Page", "Wanted", "daily", "page", "rates", "record", "take"]
