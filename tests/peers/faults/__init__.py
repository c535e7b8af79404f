"""The fault suite: real orchestrators, a real cluster, and everything between a task and its report killed at random.

``python tests/peers/faults`` runs it whole and writes ``build/faults.json``; the tests run it shorter.
"""
