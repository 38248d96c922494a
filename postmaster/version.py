"""The version, by semantic versioning: here, in the wheel, and on the pages."""

__version__ = "0.1.0"
