"""A local server that behaves as the Talon.One documentation says a deployment does.

Written from the API's description alone: nothing here imports the client side, so the two can disagree.
"""
