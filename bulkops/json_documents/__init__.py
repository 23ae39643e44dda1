"""The JSON documents that commands print, one type each; mypy holds the code that makes them to these types.

Import these modules for type checking only: they load pydantic, which commands do without when they print.
"""
