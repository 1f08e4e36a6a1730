"""Put any model behind one endpoint, and prove that you can leave any provider."""

__version__ = "0.1.0"
__all__ = ["__version__"]
