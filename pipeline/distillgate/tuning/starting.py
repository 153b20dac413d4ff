"""Start a fine-tuning job once, whatever happens on the way: a second one would be paid for twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openai import APIConnectionError, APIStatusError, OpenAIError

from distillgate.errors import DistillgateError
from distillgate.tuning.endpoint_errors import PATIENCE, lasting, wait_asked_of

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.fine_tuning import FineTuningJob

ENDED = ("succeeded", "failed", "cancelled", "expired")
"""Statuses that a job does not leave."""

JOBS = "/fine_tuning/jobs"
"""The API's path of jobs, below the base URL."""

ATTEMPTS = 6
"""Requests for a job before it is given up; pauses double from one second on."""

Supply = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Start:
    """What a job is asked for with."""

    model: str
    training_file: str
    method: Any
    suffix: Any
    seed: Any

    def once(self, client: OpenAI) -> FineTuningJob:
        """Ask for the job."""
        return client.fine_tuning.jobs.create(
            model=self.model,
            training_file=self.training_file,
            method=self.method,
            suffix=self.suffix,
            seed=self.seed,
        )

    def only_once(self, client: OpenAI, supply: Supply, tell: Callable[[str], None]) -> FineTuningJob:
        """The job over the training file that is there already, else a new one.

        A process may have died, or a connection been lost, between a job's start and the answer that names it: then
        `supply` is given that answer, and the request is not sent again. The client's own retries know nothing of it.

        Raises:
            OpenAIError: the endpoint refused the job, or failed at every attempt.
        """
        without_retries = client.with_options(max_retries=0)
        self._take_up(client, supply, tell)
        for attempt in range(ATTEMPTS - 1):
            try:
                return self.once(without_retries)
            except (APIConnectionError, APIStatusError) as error:
                if isinstance(error.__cause__, DistillgateError) or _refused(error):
                    raise
                if self._take_up(client, supply, tell):
                    continue
                pause = _pause(error, attempt)
                tell(f"the fine-tuning job was not started ({error}); again in {pause:.0f} s")
                time.sleep(pause)
        return self.once(without_retries)

    def _take_up(self, client: OpenAI, supply: Supply, tell: Callable[[str], None]) -> bool:
        try:
            jobs = client.fine_tuning.jobs.list(limit=20).data
        except OpenAIError:
            return False  # an endpoint that does not list its jobs
        found = next((j for j in jobs if j.training_file == self.training_file and j.status not in ENDED[1:]), None)
        if found is not None:
            tell(f"{found.id} runs over this training file already: it is taken up")
            supply(JOBS, found.to_dict())
        return found is not None


def _refused(error: APIConnectionError | APIStatusError) -> bool:
    return isinstance(error, APIStatusError) and lasting(error.status_code, {"error": error.body})


def _pause(error: APIConnectionError | APIStatusError, attempt: int) -> float:
    asked = wait_asked_of(error.response.headers) if isinstance(error, APIStatusError) else None
    return float(2**attempt) if asked is None else min(asked, PATIENCE)
