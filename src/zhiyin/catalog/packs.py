def installed_ratings(catalog, data):
    return []
