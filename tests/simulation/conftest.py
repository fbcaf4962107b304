"""`--seed N` runs one seed of the simulation and nothing else of it."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="one seed of the simulation")
