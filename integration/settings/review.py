"""Settings of sign-off: who may make a draft final, and what their signature may mean."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from integration.settings.section import Section

Meaning = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=200)]
PersonName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]


class SignerSettings(Section):
    """A person who may sign, by the name of their token in `web.token_file`."""

    name: PersonName = Field(description="Name as it stands under a report.")
    number: str | None = Field(default=None, description="Their number as a clinician or member of staff.")
    number_system: str | None = Field(default=None, description="URI of who gives these numbers.")

    @model_validator(mode="after")
    def _whole(self) -> SignerSettings:
        if (self.number is None) != (self.number_system is None):
            raise ValueError("number and number_system go together")
        return self


class ReviewSettings(Section):
    """Drafts and the people who decide about them. A draft is held here until one of them signs it."""

    meanings: tuple[Meaning, ...] = Field(
        default=("reviewed and approved",),
        min_length=1,
        description="What a signature may mean; the signer chooses one of them.",
    )
    hold_drafts: bool = Field(
        default=True,
        description="Drafts stay here until they are signed, unless a destination says drafts = 'send'; "
        "false lets every destination have them unless it says 'hold'.",
    )
    signers: dict[str, SignerSettings] = Field(
        default={}, description="People who may sign, by the name of their token; others may only look."
    )
    local_names: bool = Field(
        default=False,
        description="Without tokens, let callers of this machine sign under the name that they type. For "
        "trying out: nobody checks who they are.",
    )
