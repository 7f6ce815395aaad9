def infer_catalog(path, report=None):
    raise NotImplementedError
