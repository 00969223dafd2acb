"""Firms and the persons who answer for their sites: made up, and the same wherever a site is written of."""

from sample.names import person, pick
from sample.plane import seeded

BUILDERS = (
    "福建榕建建设有限公司",
    "闽江建工集团有限公司",
    "福州城投建筑有限公司",
    "南台市政工程有限公司",
    "福建鼓岭建设发展有限公司",
    "榕南路桥工程有限公司",
    "福建海峡建筑设计院工程公司",
    "福建乌山古建园林有限公司",
)
SUPERVISORS = (
    "福州诚正工程监理有限公司",
    "福建中闽工程咨询有限公司",
    "榕信建设监理有限公司",
    "福建华榕项目管理有限公司",
)


def contractor(site: str) -> str:
    """Return the contractor of a site by its code."""
    return pick(seeded(f"contractor {site}"), BUILDERS)


def supervisor(site: str) -> str:
    """Return the firm that supervises a site."""
    return pick(seeded(f"supervisor {site}"), SUPERVISORS)


def manager(site: str) -> str:
    """Return the contractor's project manager of a site."""
    return person(seeded(f"manager {site}"))


def chief_supervisor(site: str) -> str:
    """Return the chief supervisor of a site."""
    return person(seeded(f"chief supervisor {site}"))
