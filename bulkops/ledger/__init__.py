"""Store jobs durably, so that they survive a killed process or a power cut."""
