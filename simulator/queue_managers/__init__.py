"""How a visitor's web site reserves, looks, releases and gives up.

queue_manager  what a visitor needs of one
atomic         the client that ships with the scaler
naive          SPOP, GET, SET, SADD: four separate steps, as found in the wild; with session ids, and without
paper          the record as a naive one reads and writes it
"""
