"""The file for PIPECAT_SETUP_FILES: Pipecat loads it by its path, and runs what is in here for each pipeline.

Whatever goes wrong in here is logged by Pipecat, and the bot's call goes on without being recorded.
"""

from typing import Any


async def setup_worker_runner(runner: Any) -> None:  # noqa: ANN401 (Pipecat's, loaded in the bot alone)
    """Do nothing: Pipecat warns where a setup file lacks it."""


async def setup_pipeline_worker(worker: Any) -> None:  # noqa: ANN401 (Pipecat's, loaded in the bot alone)
    """Have a pipeline's calls recorded."""
    from core.adapters.pipecat.observer import observe  # noqa: PLC0415 (loads Pipecat)

    observe(worker)


setup_pipeline_task = setup_pipeline_worker
"""Its name before Pipecat 1.3."""
