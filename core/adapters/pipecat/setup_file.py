"""The file for PIPECAT_SETUP_FILES: Pipecat loads it by path, and runs its functions for each pipeline.

If anything here fails, Pipecat logs it, and the bot's call continues without being recorded.
"""

from typing import Any


async def setup_worker_runner(runner: Any) -> None:  # noqa: ANN401 (Pipecat's, loaded in the bot alone)
    """Do nothing; Pipecat warns if a setup file lacks this function."""


async def setup_pipeline_worker(worker: Any) -> None:  # noqa: ANN401 (Pipecat's, loaded in the bot alone)
    """Have a pipeline's calls recorded."""
    from core.adapters.pipecat.observer import observe  # noqa: PLC0415 (loads Pipecat)

    observe(worker)


setup_pipeline_task = setup_pipeline_worker
"""Do the same under the name used before Pipecat 1.3."""
