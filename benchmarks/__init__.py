"""How fast the service is, as ratios to the limit of its database and to other systems: `make bench`.

One file for each kind of work (`pages.py`, `export.py` ...): what is asked, and how each target is asked for it. A
target is a name and one turn of work; targets take turns, round by round, so that their ratios hold on a machine that
is busy otherwise. The suite knows the service as its users do, by its commands and addresses, and imports none of it.
"""
