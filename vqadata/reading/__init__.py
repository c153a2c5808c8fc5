"""Files of records, read from front to back with bounded memory: JSON, JSON lines, CSV, columns.

Nothing here knows what a record means. ``inputs`` opens a file, whatever packs it, and
``record_stream`` is what every format gives. The formats are ``json_blocks``, ``json_list``,
``json_keyed``, ``json_lines``, ``delimited`` and ``columnar``; the other ``json_*`` modules find
where records end.
"""
