"""The commands of the page about remote files work as written, against servers on loopback."""

import gzip
import re
import shlex
from pathlib import Path

from bulkops.remote.addresses import SCHEMES
from tests.remote.conftest import Bucket, run
from tests.remote.servers import HttpsPlace, Page, SftpPlace

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "remote-files.md").read_text(encoding="utf-8")
COUPONS = (ROOT / "sample_data" / "coupons.csv").read_bytes()


def test_every_command_of_the_page_succeeds(bucket: Bucket, sftp: SftpPlace, https: HttpsPlace) -> None:
    one, other = (b"".join(COUPONS.splitlines(keepends=True)[:n]) for n in (1, 2))
    bucket.put("in/coupons.csv", COUPONS)
    bucket.put("in/coupons-1.csv.gz", gzip.compress(one + b"PAGE-ONE,,,,,,\n"))
    https.pages["coupons.csv"] = Page(other)
    (sftp.root / "in").mkdir()
    (sftp.root / "in" / "coupons.csv").write_bytes(COUPONS)
    commands = re.findall(r"^\$ bulkops (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 11
    for command in commands:
        text = command.replace("s3://drops/", bucket.address(""))
        text = text.replace("sftp://partner@sftp.example.com/", sftp.address(""))
        text = text.replace("https://files.example.com/", https.address(""))
        ended = run(*shlex.split(text))
        assert ended.code == 0, f"{command}: {ended}"


def test_page_lists_every_scheme_and_its_extra() -> None:
    for name, scheme in SCHEMES.items():
        assert f"`{name}://" in PAGE
        assert scheme.extra is None or f"pip install 'bulkops[{scheme.extra}]'" in PAGE
