"""What a player sends for an operator to look at: a text, a link, or an image."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

import puremagic
from django.db.models import Min

from links.addresses import WEB_SCHEMES, AddressError, normalize_address
from monitoring.wire.problems import Problem
from quests.models import Evidence, Proof
from quests.requirements.base import Config, Fact, Kind, Place, invalid, only, text_of
from quests.requirements.secret_code import fold

MAX_IMAGE_BYTES = 5 * 1024 * 1024
_LONGEST_TEXT = 5_000
_IMAGES = {"image/png", "image/jpeg", "image/webp", "image/gif"}
_FORMS = frozenset(Proof.Form)


@dataclass(frozen=True, slots=True)
class Sent:
    """A proof that was read and found to be what it says it is."""

    form: str
    text: str = ""
    image: bytes | None = None
    content_type: str = ""

    @property
    def digest(self) -> bytes:
        """Of the content folded, so that a copy with other spaces is a copy."""
        content = self.image if self.image is not None else fold(self.text).encode()
        return hashlib.sha256(self.form.encode() + b"\0" + content).digest()


class ReviewedProof(Kind):
    """`{"forms": ["text", "link", "image"]}`. The answer is `{"text": "..."}`, `{"link": "https://…"}`
    or `{"image": "<base64>"}`; it waits until an operator has approved or rejected it."""

    name = "proof"
    title = "Proof with review"

    def clean(self, config: Config) -> dict[str, Any]:
        only(config, "forms", "instructions")
        forms = config.get("forms", sorted(_FORMS))
        if not isinstance(forms, list) or not forms or not set(forms) <= _FORMS:
            raise ValueError(f"“forms” lists some of {', '.join(sorted(_FORMS))}.")
        instructions = config.get("instructions", "")
        if not isinstance(instructions, str) or len(instructions) > _LONGEST_TEXT:
            raise ValueError(f"“instructions” is a text of at most {_LONGEST_TEXT} characters.")
        return {"forms": sorted(set(forms)), "instructions": instructions}

    def public(self, config: Config) -> dict[str, Any]:
        return dict(config)

    def submit(self, place: Place, answer: Any) -> Fact | None:
        sent = read(answer, place.step.config["forms"])
        _refuse_second(place)
        payload = {"form": sent.form, "bytes": len(sent.image or sent.text.encode())}
        return Fact(
            f"proof {sent.digest.hex()[:32]} {place.period}".strip(),
            place.now,
            payload,
            Evidence.State.PENDING,
        )

    def describe(self, evidence: Evidence) -> str:
        form = evidence.payload.get("form")
        return f"You sent {'an' if form == Proof.Form.IMAGE else 'a'} {form}"

    def keep(self, evidence: Evidence, answer: Any, *, is_new: bool) -> None:
        """The content beside its evidence; a copy of somebody else's proof is marked."""
        if not is_new:
            raise Problem("proof_repeated", "This very proof was rejected before.", status=409)
        sent = read(answer, sorted(_FORMS))
        others = Proof.objects.filter(digest=sent.digest).exclude(
            evidence__player=evidence.player_id
        )
        Proof.objects.create(
            evidence=evidence,
            form=sent.form,
            text=sent.text,
            image=sent.image,
            content_type=sent.content_type,
            digest=sent.digest,
            duplicate_of_id=others.aggregate(first=Min("evidence_id"))["first"],
        )


def read(answer: Any, forms: list[str]) -> Sent:
    """Problem (400) `answer_invalid`, `proof_type` or (413) `proof_too_large`."""
    if not isinstance(answer, dict) or len(answer) != 1:
        raise invalid(f"A proof is an object with one of {', '.join(forms)}.")
    ((form, value),) = answer.items()
    if form not in forms:
        raise invalid(f"A proof here is one of {', '.join(forms)}.")
    match form:
        case "text":
            return Sent(form, text=text_of(value, longest=_LONGEST_TEXT))
        case "link":
            return Sent(form, text=_link(value))
    return _image(value)


def _link(value: Any) -> str:
    try:
        address = normalize_address(text_of(value, longest=2_048))
    except AddressError as error:
        raise invalid(str(error)) from None
    if not address.startswith(tuple(f"{scheme}:" for scheme in WEB_SCHEMES)):
        raise invalid("The link must begin with http:// or https://.")
    return address


def _image(value: Any) -> Sent:
    """What it is, its first bytes say, not its sender."""
    text = text_of(value, longest=MAX_IMAGE_BYTES * 3)
    if len(text) > MAX_IMAGE_BYTES * 4 // 3 + 4:
        raise Problem("proof_too_large", "An image has at most 5 MB.", status=413)
    try:
        image = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("An image is sent as base64.") from None
    content_type = _sniffed(image)
    if content_type not in _IMAGES:
        raise Problem("proof_type", "An image is a PNG, JPEG, WebP or GIF.", status=400)
    return Sent("image", image=image, content_type=content_type)


def _sniffed(image: bytes) -> str:
    try:
        return str(puremagic.from_string(image, mime=True))
    except (puremagic.PureError, ValueError):
        return ""


def _refuse_second(place: Place) -> None:
    waiting = Evidence.objects.filter(
        player=place.player,
        quest=place.quest.id,
        step=place.step.key,
        period=place.period,
        kind=place.step.kind,
    ).exclude(state=Evidence.State.REJECTED)
    if waiting.exists():
        raise Problem("proof_waiting", "Your proof is being looked at.", status=409)
