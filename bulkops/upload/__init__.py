"""Upload the chunks of a job so that no record is lost and none is imported twice.

`workflow` runs the steps of an import, `runner` chooses the next chunk, and `sender` sends it. `guards` refuses a job
before its first request. `evidence` settles chunks in doubt, `refusals` divides refused chunks, and `replace` handles
imports that replace existing content.
"""
