"""`Caller`: who was let in with a request, as the routes see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Scope

from tinderbox.agents.loans import PATHS, Loan
from tinderbox.errors import NotAllowed
from tinderbox.keys import Key, Limits
from tinderbox.serve.limits import Allowance
from tinderbox.serve.scopes import scopes_of


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the holder of `key`, or, where it is None, the person at this machine, who may do everything."""

    key: Key | None
    allowance: Allowance
    holder: str = ""  # the id of the key that was shown, the own one's too; empty where none is needed
    spend: Callable[[int], None] = lambda _: None
    loan: Loan | None = None  # of a run of an agent

    @property
    def limits(self) -> Limits:
        return self.key.limits if self.key else Limits()

    def check(self, method: str, path: str) -> None:
        """Raises NotAllowed where the key's scopes do not open the route."""
        if self.loan is not None:
            if path not in PATHS:
                raise NotAllowed(f"A run of an agent may not ask for {path[:100]}.")
            return
        wanted = scopes_of(method, path)
        if self.key is not None and not self.key.allows(wanted):
            raise NotAllowed(
                f"{method} {path[:100]} needs a key with the scope {' or '.join(sorted(wanted))}; this one has "
                f"{', '.join(sorted(self.key.scopes))}.",
                "Make another with: tinderbox key create NAME --scope SCOPE",
            )


def caller_of(scope: Scope) -> Caller | None:
    """Who was let in with this request; None where nobody had to be."""
    caller = scope.get("state", {}).get("caller")
    return caller if isinstance(caller, Caller) else None


def check_model(scope: Scope, model: str) -> None:
    """Raises NotAllowed where a run of an agent asks a model that is not its own."""
    caller = caller_of(scope)
    if caller is not None and caller.loan is not None and model not in caller.loan.models:
        raise NotAllowed(f"A run of an agent may not ask {model[:100]}.")
