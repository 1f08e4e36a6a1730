"""An own model: data with a provenance, recipes that train, and the gate that an exported model has to pass.

The only room that imports torch, and in it only what trains or exports does.
"""
