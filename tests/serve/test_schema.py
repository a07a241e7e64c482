"""The description is true: what it calls valid is answered as it says, what it calls wrong is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi import checks

from tests.serve.house import make_house
from tinderbox.serve.access import Access
from tinderbox.serve.keys import Keyring

pytestmark = pytest.mark.slow

# One never ends, one ends the box.
APART = r"^/box/(events|down)$"
CONFORMS = [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]
FEW = settings(max_examples=10, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


# Made with the module: schemathesis makes a test of each route when the tests are collected.
HOME = tempfile.TemporaryDirectory()
house = make_house(Path(HOME.name), Access(Keyring(Path(HOME.name)), hosts=("testserver",)))
described = schemathesis.openapi.from_asgi("/openapi.json", house).exclude(path_regex=APART)
described.config.phases.coverage.enabled = False  # which would ask a thousand questions more


def never_breaks(context: Any, response: schemathesis.Response, case: schemathesis.Case[Any]) -> None:
    assert response.status_code != 500


@described.parametrize()
@FEW
def test_what_it_calls_valid_is_answered_as_it_says_and_what_it_calls_wrong_is_refused(
    case: schemathesis.Case[Any],
) -> None:
    case.call_and_validate(checks=[never_breaks, *CONFORMS, checks.negative_data_rejection])


@described.parametrize()
@FEW
def test_whatever_a_model_is_asked_nothing_breaks(case: schemathesis.Case[Any]) -> None:
    ask_the_echo(case)

    case.call_and_validate(checks=[never_breaks, *CONFORMS])


def ask_the_echo(case: schemathesis.Case[Any]) -> None:
    """A name that was made up is never a model's."""
    if isinstance(case.body, dict) and "model" in case.body:
        case.body["model"] = "echo:1b"
