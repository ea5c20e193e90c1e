"""A program that records in a child of ``multiprocessing``: ``python -m tests.services.worker METHOD``."""

import multiprocessing
import sys
from datetime import UTC, datetime

from core.models.metrics import CallMetrics, ServiceSample
from core.services.background_metrics_service import BackgroundMetricsService
from core.services.sync_metrics_service import SyncMetricsService


def work() -> None:
    """Hand a call and a request over, and end at once."""
    call = {"call_id": "c", "start_time": datetime.now(UTC), "status": "completed", "direction": "outbound"}
    BackgroundMetricsService().record_call_metrics(CallMetrics.model_validate(call))
    sample = ServiceSample(service="deepgram", operation="listen", duration_ms=50)
    SyncMetricsService().record_service_call(sample)


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    worker = multiprocessing.Process(target=work)
    worker.start()
    worker.join()
    sys.exit(worker.exitcode)
