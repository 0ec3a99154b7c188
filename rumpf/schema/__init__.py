"""From a Python type to a structural schema that an API server accepts, or an error that says why not."""
