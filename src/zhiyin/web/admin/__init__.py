"""The operator's API, `/v1/admin/*`: for an admin key, or on the machine itself where no key was made."""
