"""`connector demo`: simulator, connector and a real FIX client tell a story, and their books are compared.

It talks to the three processes by what everybody can use: FIX, the simulator's `/sim`, the admin port, logs.
"""
