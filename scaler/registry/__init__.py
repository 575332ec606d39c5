"""The door to Redis: the records and notes of all machines, and the index that names them.

keys         the wire contract: which key holds what;  record_json, notes_json, timestamps  the values behind them
rows, batch  what was read -> Row;  what is wanted -> bytes to compare and to write
redis        RedisRegistry;  reading, stored  its reads, bounded;  scripts/*.lua  every write, atomic
auth         a connection;  entra  one that signs in with Entra ID tokens;  failures  redis -> scaler.errors
reservations the queue manager's side: reserve, release, cancel, look;  sessions  what they answer
"""
