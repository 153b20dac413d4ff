"""What a token costs: by the profile, else by the published prices. A price that is not known is never zero."""

from __future__ import annotations

from distillgate.calls import Call
from distillgate.config import ROLES, Price, Profile
from distillgate.errors import PriceError


def training_price(profile: Profile) -> float:
    """US dollars per million trained tokens.

    Raises:
        PriceError: the profile names none; it is never taken for zero.
    """
    if (price := profile.finetuning.usd_per_million_tokens) is None:
        raise PriceError(
            f"no price of training {profile.model('student').name!r} is known. Give usd_per_million_tokens "
            f"to [tool.distillgate.profiles.{profile.name}.finetuning], in dollars per million trained tokens"
        )
    return price


def call_dollars(
    profile: Profile, model: str, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0
) -> float:
    """US dollars of one call of one of the profile's models, at the profile's price or else the published one.

    `cached_tokens` are those of the prompt that came from the endpoint's cache.

    Raises:
        PriceError: none is known.
    """
    # a tuned model, ft:BASE:…, has the price that the profile gives its base
    base = model.removeprefix("ft:").partition(":")[0]
    found = (one.price for one in profile.models_of(ROLES) if one.price and one.name in (model, base))
    return token_dollars(model, prompt_tokens, completion_tokens, next(found, None), cached_tokens)


def dollars_of(profile: Profile, call: Call) -> float:
    """US dollars of a call that was made.

    Raises:
        PriceError: as `call_dollars`.
    """
    return call_dollars(profile, call.model, call.prompt_tokens, call.completion_tokens, call.cached_tokens)


def token_dollars(
    model: str, prompt_tokens: int, completion_tokens: int, price: Price | None = None, cached_tokens: int = 0
) -> float:
    """US dollars of one call of `model` (fine-tuned `ft:…` names included).

    Raises:
        PriceError: no price is known; it is never taken for zero.
    """
    if price is not None:
        cached = price.input if price.cached_input is None else price.cached_input
        prompt = (prompt_tokens - cached_tokens) * price.input + cached_tokens * cached
        return (prompt + completion_tokens * price.output) / 1e6
    from genai_prices import Usage, calc_price

    provider = "openai" if model.startswith("ft:") else None  # such names are found under their provider only
    from_cache = {"cache_read_tokens": cached_tokens} if cached_tokens else {}
    usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens, **from_cache)
    try:
        return float(calc_price(usage, model_ref=model, provider_id=provider).total_price)
    except LookupError as error:
        raise PriceError(
            f"no price is known for {model!r}. Give the profile's model price = {{ input = …, output = … }} in dollars "
            "per million tokens, or machine_usd_per_hour to the profile if you run the model yourself"
        ) from error
