"""What one token costs to issue, by algorithm, in CPU time against ES256: `python -m benchmarks.signing`.

Ratios within one run, rounds interleaved, because machines are noisy; the absolute figures are only for orientation.
"""

import statistics
import tempfile
import time
from pathlib import Path

from token_service.access import Access
from token_service.token import keyfiles
from token_service.token.issuer import Audience, Issuer
from token_service.token.public_key import Algorithm

ROUNDS = 7
TOKENS = 200


def main() -> None:
    now = int(time.time())
    issuers = {}
    with tempfile.TemporaryDirectory() as folder:
        for algorithm in Algorithm:
            ring = keyfiles.generate(Path(folder) / algorithm, algorithm, now)
            issuers[algorithm] = Issuer(lambda ring=ring: ring, "https://a", lambda: now, lambda: "id")  # type: ignore[misc]
    seconds: dict[Algorithm, list[float]] = {algorithm: [] for algorithm in Algorithm}
    for _ in range(ROUNDS):
        for algorithm, issuer in issuers.items():
            seconds[algorithm].append(_round(issuer))
    base = statistics.median(seconds[Algorithm.ES256])
    for algorithm, rounds in seconds.items():
        median = statistics.median(rounds)
        print(f"{algorithm:6}  {median / TOKENS * 1e6:8.1f} us  {median / base:6.1f} x ES256")


def _round(issuer: Issuer) -> float:
    audience, access = Audience("registry.example.com"), [Access("repository", "team/app", ("pull", "push"))]
    start = time.process_time()
    for _ in range(TOKENS):
        issuer.issue("alice", audience, access, 300)
    return time.process_time() - start


if __name__ == "__main__":
    main()
