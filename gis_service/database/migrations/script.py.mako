"""${message}

Revises: ${down_revision | comma,n}
Made by: gis db revision

Policy: a migration that ran anywhere is never edited. It adds first and removes in a later release, takes no long
lock, and names no schema. Functions, triggers, CHECKs and vocabularies are not here: gis_service/database/objects.py
makes them from the declarations at each upgrade.
"""

import geoalchemy2
import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
