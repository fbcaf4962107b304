"""Credit Exchange Gateway (长三角学分互认网关)."""

__version__ = "0.1.0"
