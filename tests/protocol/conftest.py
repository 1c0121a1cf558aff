"""How the generated tests run: on a machine that does other things too, time proves nothing."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "pure", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("pure")
