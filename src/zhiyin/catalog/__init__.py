"""Catalogues: reading and cleaning rows, domain packs, and the columns that filters run on."""
