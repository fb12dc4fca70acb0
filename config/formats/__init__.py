"""How moments are written where a template does not say: as on our own pages."""
