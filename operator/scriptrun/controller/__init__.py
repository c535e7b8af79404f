"""kopf wiring -> cache -> keyed work queue -> reconcile. The only room that imports kopf."""
