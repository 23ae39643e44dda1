"""The workers of a cluster read remote files themselves."""

import gzip

from tests.cluster.clusters import threaded_cluster
from tests.cluster.test_documents import multiline
from tests.remote.conftest import Bucket, run


def test_report_of_remote_files_is_the_same_on_a_cluster(bucket: Bucket) -> None:
    content = multiline(80).encode()
    words = (
        "validate",
        "coupons",
        bucket.put("a.csv", content),
        bucket.put("b.csv.gz", gzip.compress(content)),
        "--json",
    )
    with threaded_cluster(2) as address:
        there, here = run(*words, "--cluster", address), run(*words)
    assert (there.code, there.out) == (here.code, here.out)
