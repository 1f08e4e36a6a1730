"""What is known about providers beforehand: one small TOML file each, facts only."""

from freehold.providers.presets.preset import Preset, find_preset, preset_names

__all__ = ["Preset", "find_preset", "preset_names"]
