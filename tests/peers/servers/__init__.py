"""Real orchestrators for the tests: fetched once into the cache, started on loopback, stopped by pid.

``python3 tests/peers/servers`` fetches them all ahead of time. None is bundled or passed on.
"""
