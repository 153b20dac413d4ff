"""What a token costs: by the profile, else by the published prices. A price that is not known is never zero."""

from __future__ import annotations

from distillgate.calls import Call
from distillgate.errors import PriceError
from distillgate.models import Price
from distillgate.profiles import Profile

SECONDS_PER_HOUR = 3600


def training_price(profile: Profile) -> float:
    """US dollars per million trained tokens.

    Raises:
        PriceError: the profile names none.
    """
    if (price := profile.finetuning.usd_per_million_tokens) is None:
        raise PriceError(
            f"no price of training {profile.model('student').name!r} is known. Give usd_per_million_tokens "
            f"to [tool.distillgate.profiles.{profile.name}.finetuning], in dollars per million trained tokens"
        )
    return price


def base_of(model: str) -> str:
    """The model that a tuned one, `ft:BASE:…`, was made of; of any other model its own name."""
    return model.removeprefix("ft:").partition(":")[0] if model.startswith("ft:") else model


def price_of(profile: Profile, model: str) -> Price | None:
    """The price that the profile gives to a model, by its name at the provider; None where it gives none.

    A tuned model has the price of its base.

    Raises:
        PriceError: models of that name have different prices.
    """
    names = {model, base_of(model)}
    named = [one for one in profile.models_of(profile.models) if one.price and names & {one.name, one.tuned}]
    exact = [one.price for one in named if model in (one.name, one.tuned)] or [one.price for one in named]
    if len(set(exact)) > 1:
        raise PriceError(
            f"[tool.distillgate.profiles.{profile.name}] gives {model!r} several prices, and a call does not tell "
            "which it cost; give every role that plays with it the same price"
        )
    return exact[0] if exact else None


def call_dollars(
    profile: Profile, model: str, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0
) -> float:
    """US dollars of one call of a model, at the profile's price or else the published one.

    `cached_tokens` are those of the prompt that came from the endpoint's cache.

    Raises:
        PriceError: none is known.
    """
    return token_dollars(model, prompt_tokens, completion_tokens, price_of(profile, model), cached_tokens)


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
        PriceError: no price is known.
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
