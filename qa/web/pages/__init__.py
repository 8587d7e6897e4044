"""The handlers of the pages, by area; which address each answers stands in ``qa/web/routes.py`` alone."""
