"""The program as it is installed, with a moment to be killed at (QA_TEST_MOMENT), also in the workers that it starts."""

from __future__ import annotations

import os

import batch_moments

if os.environ.get("QA_TEST_DOUBLE"):
    batch_moments.without_recogniser()
if os.environ.get("QA_TEST_MOMENT"):
    batch_moments.install(os.environ["QA_TEST_MOMENT"])

if __name__ == "__main__":
    from qa.cli import main

    main()
