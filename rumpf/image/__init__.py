"""Container images without a registry: written from files, or built from a Containerfile."""
